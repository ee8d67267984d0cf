"""Work that grows with the shop: what it costs, and what other customers notice of it."""

import contextlib
import itertools
import os
import re
import statistics
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shop.dev.demo import history
from shop.dev.growth.shops import Done, Shop
from shop.dev.processes import ProcessError

HOLDS = 20_000
# The most that the admin hides at once.
HIDDEN = 5_000
FILES = 2_000
_LOCAL_FILES = {"CLOUD_NAME": "", "CLOUD_API_KEY": "", "CLOUD_API_SECRET": ""}
_PATIENCE = 1800.0
_CUSTOMERS = 3
_ADDRESS = {"name": "Ada", "line1": "1 Market Street", "city": "Berlin", "postal_code": "10115", "country": "DE"}


@dataclass
class Others:
    """Requests of other customers while a load runs."""

    times: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times, n=20)[-1] if len(self.times) > 1 else float("nan")

    def __str__(self) -> str:
        return f"{self.refused} of {len(self.times):,} refused"


@dataclass
class Result:
    """``seconds``: until a worker has done the rest; None: it took longer than the measurement."""

    status: int = 0
    milliseconds: float = 0.0
    seconds: float | None = None
    others: Others = field(default_factory=Others)
    before: Others = field(default_factory=Others)
    size: int = 0


@dataclass
class OrphanSearch:
    """``keys`` of an index and ``documents`` were examined for ``files``."""

    keys: int
    documents: int
    files: int
    done: Done


# --- One account ------------------------------------------------------------------------------------------------------


def delete_account(shop: Shop) -> Result:
    """Delete the account with the most orders, while other customers read."""
    database = shop.database
    regular = database.accounts_user.find_one({"email": history.REGULAR})
    if regular is None:
        return Result()
    own = {"user_id": regular["_id"]}
    result = Result(size=database.orders_order.count_documents(own))
    over = {"$or": [{"status": "cancelled"}, {"payment_status": "refunded"}, {"fulfilment_status": "delivered"}]}
    # Log in outside of the measurement.
    shop.request("regular", "/api/v1/users/me/")
    began_at = datetime.now(UTC)

    def is_erased() -> bool:
        detached = {"detached_at": {"$gte": began_at}, "erased_at": None, **over}
        return not database.orders_order.find_one(own) and not database.orders_order.find_one(detached)

    with _others_reading(shop) as result.others:
        body = {"password": history.PASSWORD}
        result.milliseconds, reply = shop.request("regular", "/api/v1/users/me/", method="DELETE", json=body)
        result.status = reply.status_code
        with shop.worker():
            result.seconds = shop.wait_until(is_erased, seconds=_PATIENCE if reply.ok else 0)
    return result


@contextlib.contextmanager
def _others_reading(shop: Shop) -> Iterator[Others]:
    paths = ["/api/v1/products/", "/api/v1/orders/", "/api/v1/cart/", "/api/v1/users/me/"]

    def read(customer: str, number: int) -> tuple[float, int]:
        milliseconds, reply = shop.request(customer, paths[number % len(paths)])
        return milliseconds, reply.status_code

    with _others(shop, read) as others:
        yield others


# --- Checkouts --------------------------------------------------------------------------------------------------------


def expire_holds(shop: Shop, *, holds: int, seconds: float = 15.0) -> Result:
    """Let many holds end at once, while other customers buy."""
    result = Result(size=holds)
    with _others_buying(shop) as result.before:
        time.sleep(seconds)
    done = shop.run("-m", "shop.dev.growth.due_holds", str(holds))
    if done.code:
        raise ProcessError(f"The holds were not made: {done.errors}")
    orders = shop.database.orders_order

    def is_released() -> bool:
        due = {"status": "pending", "expires_at": {"$lt": datetime.now(UTC) - timedelta(seconds=1)}}
        return orders.find_one(due) is None

    with _others_buying(shop) as result.others, shop.worker():
        result.seconds = shop.wait_until(is_released, seconds=_PATIENCE)
    return result


@contextlib.contextmanager
def _others_buying(shop: Shop) -> Iterator[Others]:
    in_stock = shop.database.catalog_product.find({"is_active": True, "in_stock": True}, {"_id": 1}, limit=200)
    products = [str(row["_id"]) for row in in_stock]

    def buy(customer: str, number: int) -> tuple[float, int]:
        item = {"product": products[(number * 7 + zlib.crc32(customer.encode())) % len(products)], "quantity": 1}
        shop.request(customer, "/api/v1/cart/", method="DELETE")
        if shop.request(customer, "/api/v1/cart/items/", method="POST", json=item)[1].status_code == 409:
            # Another customer bought the last one.
            return buy(customer, number + 1)
        body = {"shipping_address": _ADDRESS}
        milliseconds, reply = shop.request(customer, "/api/v1/orders/", method="POST", json=body)
        return milliseconds, reply.status_code

    with _others(shop, buy) as others:
        yield others


@contextlib.contextmanager
def _others(shop: Shop, work: Callable[[str, int], tuple[float, int]]) -> Iterator[Others]:
    """Run ``work(customer, number)`` in a thread per customer until the end of the block."""
    others, stop = Others(), threading.Event()
    customers = shop.database.accounts_user.find(
        {"email": {"$regex": "^customer[0-9]"}, "is_active": True, "email_verified": True}, limit=_CUSTOMERS
    )
    emails = [row["email"] for row in customers]
    for email in emails:
        shop.request(email, "/api/v1/users/me/")

    def run(email: str) -> None:
        for number in itertools.count():
            milliseconds, status = work(email, number)
            others.times.append(milliseconds)
            others.refused += status >= 500
            if stop.wait(0.05):
                return

    threads = [threading.Thread(target=run, args=(email,)) for email in emails]
    for thread in threads:
        thread.start()
    try:
        yield others
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# --- Products, pictures, invariants -----------------------------------------------------------------------------------


def hide_products(shop: Shop) -> Result:
    """Unpublish the products of the largest category that the admin hides at once."""
    groups = shop.database.catalog_product.aggregate(
        [
            {"$match": {"is_active": True}},
            {"$unwind": "$category_lineage"},
            {"$group": {"_id": "$category_lineage", "products": {"$sum": 1}}},
            {"$match": {"products": {"$lte": HIDDEN}}},
            {"$sort": {"products": -1}},
            {"$limit": 1},
        ]
    )
    group = next(iter(groups), None)
    if group is None:
        return Result()
    active = {"is_active": True, "category_lineage": group["_id"]}
    some = shop.database.catalog_product.find_one(active)
    path = f"/{os.environ.get('ADMIN_PATH', 'admin/')}catalog/product/"
    query = f"?category__id__exact={group['_id']}&is_active__exact=1"
    form = {"action": "deactivate", "select_across": "1", "index": "0", "_selected_action": [str(some["_id"])]}
    result = Result(size=group["products"])
    result.milliseconds, reply = shop.request("admin", path + query, method="POST", data=form)
    result.status = reply.status_code
    with shop.worker():
        result.seconds = shop.wait_until(
            lambda: shop.database.catalog_product.find_one(active) is None, seconds=60 if reply.status_code < 400 else 0
        )
    return result


def search_orphans(shop: Shop) -> OrphanSearch:
    """Count the documents that the search for unused pictures examines, with local files."""
    folder = shop.media / "products"
    folder.mkdir(parents=True, exist_ok=True)
    names = shop.database.catalog_productimage.find({}, {"name": 1}, limit=FILES)
    for row in names:
        (shop.media / row["name"]).touch()
    collection = f"{shop.database.name}.catalog_productimage"
    shop.database.command("profile", 2, filter={"ns": collection})
    try:
        done = shop.run("-m", "shop.dev.growth.orphan_search", DEBUG="1", **_LOCAL_FILES)
    finally:
        shop.database.command("profile", 0)
    found = list(shop.database["system.profile"].find({"ns": collection}))
    keys, documents = (sum(row.get(name, 0) for row in found) for name in ("keysExamined", "docsExamined"))
    if not keys + documents:
        raise ProcessError(f"The search for unused pictures did not run: {done.errors}")
    return OrphanSearch(keys, documents, len(list(folder.iterdir())), done)


def audit(shop: Shop) -> Done:
    return shop.manage("audit")


def violations_in(done: Done) -> str:
    """Return the end of an audit's output that names its result."""
    lines = [line for line in re.split(r"\n+", done.output) if line.startswith("✗")]
    return "; ".join(lines)
