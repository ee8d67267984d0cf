"""Estimate of machines for a shop of a size, from measured sizes of rows and times of requests."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

GB = 10**9


@dataclass(frozen=True)
class Collection:
    """Bytes per row: documents, compressed on disk, indexes; and the number of rows."""

    name: str
    document: int
    stored: int
    indexes: int
    per_product: float = 0.0
    per_order: float = 0.0
    # Orders' rows are kept for so long; 0 is for ever.
    days_kept: int = 0


# `collStats` of a shop with 80,000 products and 200,000 orders on MongoDB 6.0.
COLLECTIONS = (
    Collection("catalog_product", 2061, 634, 2020, per_product=1),
    Collection("catalog_variant", 406, 96, 118, per_product=2),
    Collection("catalog_productimage", 172, 58, 74, per_product=3),
    Collection("catalog_stockmovement", 131, 46, 113, per_product=2, per_order=2, days_kept=730),
    Collection("orders_order", 2722, 852, 837, per_order=1),
    Collection("payments_payment", 588, 181, 161, per_order=1),
    Collection("payments_stripeevent", 647, 109, 155, per_order=4, days_kept=90),
    Collection("orders_review", 252, 84, 212, per_order=0.1),
    Collection("cart_cart", 224, 106, 185, per_order=1),
    Collection("accounts_user", 354, 86, 197, per_order=0.3),
    Collection("accounts_tokenfamily", 146, 89, 62, per_order=1, days_kept=14),
    Collection("shop_idempotencyrecord", 279, 185, 111, per_order=3, days_kept=2),
)


@dataclass(frozen=True)
class Request:
    """Processor milliseconds of the shop and of MongoDB, from docs/performance.md, and the number per order."""

    name: str
    shop_ms: float
    mongodb_ms: float
    per_order: float


REQUESTS = (
    Request("list", 1.27, 1.01, 25),
    Request("detail", 0.92, 0.41, 25),
    Request("cart", 1.20, 0.78, 5),
    Request("cart change", 1.70, 1.28, 3),
    Request("buy", 3.02, 2.48, 1),
    # The same kind of work as placing the order: the payment, its webhook and what the worker does afterwards.
    Request("payment, webhook, jobs", 9.06, 7.44, 1),
)
CATALOGUE = ("list", "detail")

# Load for which processors are planned, so that the loss of one machine of three is no outage.
LOAD = 0.5
# Days of orders that are read often.
RECENT_DAYS = 30


@dataclass(frozen=True)
class Size:
    products: int
    # At the peak; the average is this divided by `peak`.
    orders_per_minute: int
    peak: float = 4.0
    years: float = 2.0
    # Share of the catalogue's requests that a CDN answers.
    cached: float = 0.0

    def orders_in(self, days: float) -> float:
        return self.orders_per_minute / 60 / self.peak * days * 24 * 3600

    def rows(self, collection: Collection, *, days: float | None = None) -> float:
        days = self.years * 365 if days is None else days
        if collection.days_kept:
            days = min(days, collection.days_kept)
        return self.products * collection.per_product + self.orders_in(days) * collection.per_order

    @property
    def stored(self) -> float:
        return sum(self.rows(each) * (each.stored + each.indexes) for each in COLLECTIONS)

    @property
    def working_set(self) -> float:
        """Bytes of the catalogue with its indexes, and of a month's orders; documents are uncompressed in the cache."""
        return sum(self.rows(each, days=RECENT_DAYS) * (each.document + each.indexes) for each in COLLECTIONS)

    def requests(self, request: Request) -> float:
        """Return those per second that reach the shop, at the peak."""
        share = 1 - self.cached if request.name in CATALOGUE else 1.0
        return self.orders_per_minute / 60 * request.per_order * share

    @property
    def shop_cores(self) -> float:
        return sum(self.requests(each) * each.shop_ms for each in REQUESTS) / 1000 / LOAD

    @property
    def mongodb_cores(self) -> float:
        return sum(self.requests(each) * each.mongodb_ms for each in REQUESTS) / 1000 / LOAD

    @property
    def web_processes(self) -> int:
        """One process keeps one core busy; at least two."""
        return max(2, math.ceil(self.shop_cores))

    @property
    def connections(self) -> int:
        """Return the most to a primary: one per thread of a process, and two for monitoring; a worker is a process."""
        threads = sum(pool["threads"] for pool in settings.SERVER_POOLS.values())
        workers = max(1, self.web_processes // 4)
        return self.web_processes * (threads + 2) + workers * 3


def report(size: Size) -> Iterator[str]:
    """Yield the lines of tables in Markdown."""
    yield f"{size.products:,} products; {size.orders_per_minute:,} orders a minute at the peak, which are"
    a_year = size.orders_in(365) / 1e6
    yield f"{a_year:,.1f} million a year; {size.years:g} years; {size.cached:.0%} of the catalogue's reads from a CDN."
    yield ""
    yield "| collection | million rows | GB of documents | GB on disk, with indexes |"
    yield "|---|---:|---:|---:|"
    for each in COLLECTIONS:
        rows = size.rows(each)
        stored = rows * (each.stored + each.indexes) / GB
        yield f"| `{each.name}` | {rows / 1e6:,.2f} | {rows * each.document / GB:,.1f} | {stored:,.1f} |"
    yield f"| all | | | {size.stored / GB:,.0f} |"
    yield ""
    yield "| at the peak | |"
    yield "|---|---:|"
    yield f"| requests a second at the shop | {sum(map(size.requests, REQUESTS)):,.0f} |"
    yield f"| cores of the web servers and workers, half used | {size.shop_cores:,.1f} |"
    yield f"| web processes (`WEB_WORKERS` of all servers) | {size.web_processes:,} |"
    yield f"| cores of MongoDB's primaries, half used | {size.mongodb_cores:,.1f} |"
    yield f"| connections to a primary, at most | {size.connections:,} |"
    # WiredTiger's cache is half of the memory.
    yield f"| GB of memory of each member of the replica set, at least | {2 * size.working_set / GB:,.0f} |"
    # Half as much again, for the oplog, builds of indexes and a restore.
    yield f"| GB of disk of each member | {1.5 * size.stored / GB:,.0f} |"
