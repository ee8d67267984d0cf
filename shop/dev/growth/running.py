"""The measurements of ``manage.py growth``."""

import datetime
import tempfile
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from shop.dev.bench.report import machine, replace_section
from shop.dev.bench.running import roomy
from shop.dev.growth import loads, pages, report
from shop.dev.growth.shops import Shop
from shop.management.progress import Progress

PARTS = ("pages", "audit", "orphans", "hide", "holds", "account")
SMALL_CACHE_GB, BIG_CACHE_GB = 0.5, 1.0
_PAGE = Path(settings.BASE_DIR) / "docs" / "performance.md"
_SECTION = "years"

R = TypeVar("R")


class Growth:
    """Measure a small shop and a big one, which run at the same time. Everything but written results is removed."""

    def __init__(
        self, stream: Any, *, small_orders: int, orders: int, rounds: int, holds: int, parts: Collection[str]
    ) -> None:
        self._stream, self._rounds, self._holds, self._parts = stream, rounds, holds, parts
        self._sizes = small_orders, orders
        self._sections: list[str] = []
        self._rows: list[list[str]] = []

    def run(self, *, write: bool) -> bool:
        """Return whether every page is good and every part succeeded."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-growth-", dir=roomy())))
            small_orders, orders = self._sizes
            small = Shop("small", folder=folder, orders=small_orders, cache_gb=SMALL_CACHE_GB)
            big = Shop("big", folder=folder, orders=orders, cache_gb=BIG_CACHE_GB)
            for shop in (small, big):
                stack.enter_context(shop)
                shop.seed()
            for shop in (small, big):
                stack.enter_context(shop.served())
            is_good = self._measure(small, big)
        section = "\n\n".join([*self._sections, self._conditions()])
        self._stream.write(f"\n{section}\n")
        if write:
            replace_section(_PAGE, _SECTION, section)
            self._stream.write(f"Written to {_PAGE}\n")
        return is_good

    def _measure(self, small: Shop, big: Shop) -> bool:
        good = []
        if "pages" in self._parts:
            with Progress(self._stream, "Pages") as bar:
                measured = pages.measure(small, big, rounds=self._rounds, tick=bar)
            self._sections += [
                f"{report.pages_summary(measured)} {report.rule()}",
                report.markdown(report.pages_table(measured)),
                report.rule_of_downloads(),
                report.markdown(report.downloads_table(measured)),
            ]
            good.append(measured.is_good)
        # The account last: other parts need its orders.
        if "audit" in self._parts:
            audits = self._both("Audit", small, big, loads.audit)
            self._rows.append(report.audit_row(*audits))
            good.append(not any(done.code for done in audits))
        if "orphans" in self._parts:
            self._rows.append(report.orphans_row(*self._both("Unused pictures", small, big, loads.search_orphans)))
        if "hide" in self._parts:
            self._add_results(
                "hide a category's products", self._both("Products", small, big, loads.hide_products), good
            )
        if "holds" in self._parts:
            results = self._both("Holds", small, big, lambda shop: loads.expire_holds(shop, holds=self._holds))
            self._add_results("holds that end at once", results, good)
        if "account" in self._parts:
            self._add_results("delete an account", self._both("Account", small, big, loads.delete_account), good)
        if self._rows:
            self._sections.append(report.markdown([["", "small", "big"], *self._rows]))
        return all(good)

    def _both(self, title: str, small: Shop, big: Shop, measure: Callable[[Shop], R]) -> tuple[R, R]:
        found = []
        for shop in (small, big):
            with Progress(self._stream, f"{title}, {shop.name}"):
                found.append(measure(shop))
        return found[0], found[1]

    def _add_results(self, what: str, results: tuple[loads.Result, loads.Result], good: list[bool]) -> None:
        self._rows.append(report.result_row(what, *results))
        good.append(all(not each.size or each.seconds is not None for each in results))
        good.append(not any(each.others.refused for each in results))

    def _conditions(self) -> str:
        now = datetime.datetime.now(datetime.UTC)
        small, big = self._sizes
        return (
            f"_{now:%Y-%m-%d %H:%M} UTC; {machine()}; small: {small:,} orders, big: {big:,}; one server process each, "
            f"MongoDB caches of {SMALL_CACHE_GB:g} and {BIG_CACHE_GB:g} GB; medians of {self._rounds}._"
        )
