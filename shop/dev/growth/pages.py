"""Response times of all lists and reads, in a small shop and a big one in turn."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shop.dev.growth.addresses import LAST_PAGE, Address
from shop.dev.growth.shops import Shop

Tick = Callable[[int, int], None]

# A page of a big shop takes at most `MOST_RATIO` times as long as that of a small one, or `FAST_MS` milliseconds.
MOST_RATIO, FAST_MS = 1.5, 150.0
MOST_MS = 300.0


@dataclass
class Replies:
    """Milliseconds of each reply of one shop and the size of the last one."""

    times: list[float] = field(default_factory=list)
    size: int = 0

    @property
    def milliseconds(self) -> float:
        return statistics.median(self.times)

    @property
    def megabytes_per_second(self) -> float:
        return self.size / 1000 / self.milliseconds


@dataclass
class Page:
    """A list or read of the API or the admin, or a download."""

    who: str
    name: str
    small: Replies = field(default_factory=Replies)
    big: Replies = field(default_factory=Replies)

    @property
    def small_ms(self) -> float:
        return self.small.milliseconds

    @property
    def big_ms(self) -> float:
        return self.big.milliseconds

    @property
    def ratio(self) -> float:
        return self.big_ms / self.small_ms

    @property
    def is_good(self) -> bool:
        return self.big_ms <= MOST_MS and (self.ratio <= MOST_RATIO or self.big_ms <= FAST_MS)


@dataclass
class Pages:
    """``downloads`` are not judged. ``refused``: addresses that answer with an error, by name."""

    measured: list[Page] = field(default_factory=list)
    downloads: list[Page] = field(default_factory=list)
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
        status, is_download = _measure(page, [(small, of_small, page.small), (big, of_big, page.big)], rounds)
        if status >= 300:
            pages.refused[f"{page.who}: {page.name}"] = status
        else:
            (pages.downloads if is_download else pages.measured).append(page)
        tick(number + 1, len(pairs))
    return pages


def _measure(page: Page, sides: Sequence[tuple[Shop, Address, Replies]], rounds: int) -> tuple[int, bool]:
    """Return the highest status, and whether the replies are downloads."""
    paths = [_with_last_page(shop, address) for shop, address, _ in sides]
    replies = [shop.request(page.who, path)[1] for (shop, _, _), path in zip(sides, paths, strict=True)]
    status = max(reply.status_code for reply in replies)
    is_download = all(reply.headers.get("Content-Disposition", "").startswith("attachment") for reply in replies)
    for _ in range(rounds if status < 300 else 0):
        for (shop, _, measured), path in zip(sides, paths, strict=True):
            milliseconds, reply = shop.request(page.who, path)
            measured.times.append(milliseconds)
            measured.size = len(reply.content)
            status = max(status, reply.status_code)
    return status, is_download


def _with_last_page(shop: Shop, address: Address) -> str:
    if LAST_PAGE not in address.path:
        return address.path
    _, reply = shop.request(address.who, address.path.replace(LAST_PAGE, ""))
    found = reply.json() if reply.ok else {}
    size = len(found.get("results", ()))
    pages = math.ceil(found["count"] / size) if size else 1
    return address.path.replace(LAST_PAGE, f"page={pages}")
