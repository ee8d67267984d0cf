"""Response times of all lists and reads, in a small shop and a big one in turn."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shop.dev.growth.addresses import LAST_PAGE, Address
from shop.dev.growth.shops import Shop

Tick = Callable[[int, int], None]

# A page of a big shop takes at most `MOST_RATIO` times as long as that of a small one, or `FAST_MS` milliseconds.
MOST_RATIO, FAST_MS = 1.5, 150.0
MOST_MS = 300.0


@dataclass
class Times:
    """Milliseconds until the first byte of the reply and until its last one."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


@dataclass
class Page:
    """A download, such as the export of an account, is judged by its first byte."""

    who: str
    name: str
    small: Times = field(default_factory=Times)
    big: Times = field(default_factory=Times)
    is_download: bool = False

    @property
    def small_ms(self) -> float:
        return self._judged(self.small)

    @property
    def big_ms(self) -> float:
        return self._judged(self.big)

    def _judged(self, times: Times) -> float:
        return statistics.median(times.first if self.is_download else times.whole)

    @property
    def whole_ms(self) -> tuple[float, float]:
        """Return the medians of the small and the big shop."""
        return statistics.median(self.small.whole), statistics.median(self.big.whole)

    @property
    def ratio(self) -> float:
        return self.big_ms / self.small_ms

    @property
    def is_good(self) -> bool:
        return self.big_ms <= MOST_MS and (self.ratio <= MOST_RATIO or self.big_ms <= FAST_MS)


@dataclass
class Pages:
    """``refused``: addresses that answer with an error, by name."""

    measured: list[Page] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """An address may be refused, but neither fail nor redirect, as an admin list does for an invalid filter."""
        failed = any(not 400 <= status < 500 for status in self.refused.values())
        return bool(self.measured) and not failed and all(page.is_good for page in self.measured)

    def worst_first(self) -> list[Page]:
        return sorted(self.measured, key=lambda page: -page.big_ms)


def measure(small: Shop, big: Shop, *, rounds: int, tick: Tick) -> Pages:
    """Measure the addresses that both shops have."""
    addresses = {(each.who, each.name): each for each in small.addresses()}
    pairs = [(addresses[each.who, each.name], each) for each in big.addresses() if (each.who, each.name) in addresses]
    pages = Pages()
    for number, (of_small, of_big) in enumerate(pairs):
        page = Page(of_big.who, of_big.name)
        statuses = _measure(page, [(small, of_small, page.small), (big, of_big, page.big)], rounds)
        if max(statuses) < 300:
            pages.measured.append(page)
        else:
            pages.refused[f"{page.who}: {page.name}"] = max(statuses)
        tick(number + 1, len(pairs))
    return pages


def _measure(page: Page, sides: Sequence[tuple[Shop, Address, Times]], rounds: int) -> list[int]:
    """Return the highest statuses."""
    paths = [_with_last_page(shop, address) for shop, address, _ in sides]
    statuses = [shop.request(page.who, path)[1].status_code for (shop, _, _), path in zip(sides, paths, strict=True)]
    for _ in range(rounds if max(statuses) < 300 else 0):
        for position, ((shop, _, times), path) in enumerate(zip(sides, paths, strict=True)):
            milliseconds, reply = shop.request(page.who, path, stream=True)
            times.first.append(milliseconds)
            began = time.perf_counter()
            len(reply.content)
            times.whole.append(milliseconds + (time.perf_counter() - began) * 1000)
            page.is_download = reply.headers.get("Content-Disposition", "").startswith("attachment")
            statuses[position] = max(statuses[position], reply.status_code)
    return statuses


def _with_last_page(shop: Shop, address: Address) -> str:
    if LAST_PAGE not in address.path:
        return address.path
    _, reply = shop.request(address.who, address.path.replace(LAST_PAGE, ""))
    found = reply.json() if reply.ok else {}
    size = len(found.get("results", ()))
    pages = math.ceil(found["count"] / size) if size else 1
    return address.path.replace(LAST_PAGE, f"page={pages}")
