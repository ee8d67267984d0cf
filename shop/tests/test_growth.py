"""``manage.py growth``: a small shop and one with years of trading, side by side."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import CommandError, call_command

from accounts.models import User
from conftest import client_of
from orders.expiry import expire_due_orders
from orders.models import Order
from shop.audit import violations
from shop.dev.demo.history.holds import make_due_holds
from shop.dev.growth import report
from shop.dev.growth.addresses import LAST_PAGE, all_addresses
from shop.dev.growth.loads import Others, Result
from shop.dev.growth.pages import Page, Pages, Replies
from shop.dev.growth.running import PARTS
from shop.dev.growth.shops import Done
from shop.dev.testing.admin import browser_of


@pytest.fixture
def trading(db: None, settings: Any) -> None:
    settings.DEBUG = True
    call_command("seed", orders=40, stdout=io.StringIO())


def growth(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "growth", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}
    return subprocess.run(command, cwd=settings.BASE_DIR, env=environment, text=True, capture_output=True, timeout=600)


# --- A run ------------------------------------------------------------------------------------------------------------


@pytest.mark.large
def test_a_short_run_measures_both_shops() -> None:
    done = growth("--orders", "100", "--small", "60", "--only", "hide", "account")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "| delete an account | 1, " in done.stdout
    assert "(204), done after" in done.stdout
    assert "small: 60 orders, big: 100" in done.stdout


def test_an_unknown_part_is_refused_in_one_sentence() -> None:
    with pytest.raises(CommandError, match=f"There is no part everything; there are {', '.join(PARTS)}."):
        call_command("growth", only=["everything"])


# --- What it measures -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("trading")
def test_the_addresses_are_those_of_the_router_and_the_registry() -> None:
    addresses = {(each.who, each.name): each.path for each in all_addresses()}

    for model in admin.site._registry:
        assert ("admin", model._meta.label_lower) in addresses
    for name in ("/products/", "/products/{id}/", "/products/facets/", "/categories/", "/shipping-methods/"):
        assert ("guest", name) in addresses
    for who in ("regular", "staff"):
        for name in ("/orders/", "/orders/{number}/", "/orders/?status=pending", f"/orders/?{LAST_PAGE}", "/users/me/"):
            assert (who, name) in addresses
    assert ("guest", "/products/facets/?category=kitchen&in_stock=true&max_price=100") in addresses
    assert ("admin", "orders.order last page") in addresses
    order = Order.objects.get(number=addresses["regular", "/orders/{number}/"].split("/")[-2])
    assert order.user.email == "regular@example.com"


@pytest.mark.usefixtures("trading")
def test_first_pages_and_single_objects_can_be_read() -> None:
    staff = User.objects.get(email="staff@example.com")
    regular = User.objects.get(email="regular@example.com")
    clients = {
        "guest": client_of(),
        "staff": client_of(staff),
        "regular": client_of(regular),
        "admin": browser_of(staff),
    }

    for address in all_addresses():
        if "?" not in address.path:
            # Unpaid orders have no invoice.
            allowed = (200, 409) if address.name.endswith("/invoice/") else (200, 302)
            assert clients[address.who].get(address.path).status_code in allowed, address


@pytest.mark.usefixtures("trading")
def test_holds_that_are_due_belong_to_whole_orders() -> None:
    pending = Order.objects.unpaid().count()

    make_due_holds(20)
    assert Order.objects.unpaid().count() == pending + 20
    assert Order.objects.due_to_expire().count() == 20
    expire_due_orders()

    assert Order.objects.unpaid().count() == pending
    assert violations() == []


# --- What it says -----------------------------------------------------------------------------------------------------


def page_of(who: str, name: str, small_ms: float, big_ms: float) -> Page:
    return Page(who, name, Replies([small_ms]), Replies([big_ms]))


@pytest.mark.parametrize(
    ("small", "big", "is_good"), [(100, 149, True), (100, 151, False), (10, 149, True), (250, 301, False)]
)
def test_a_page_is_good_if_it_is_fast_or_no_slower_than_in_a_small_shop(small: int, big: int, is_good: bool) -> None:
    assert page_of("guest", "/products/", small, big).is_good is is_good


def test_downloads_are_listed_with_time_and_size_and_not_judged() -> None:
    export = Page("regular", "/users/me/export/", Replies([10.0], 2_000), Replies([4_000.0, 5_000.0, 9_000.0], 10**7))
    pages = Pages([page_of("guest", "/products/", 10, 11)], [export])

    assert report.downloads_table(pages)[1:] == [
        ["regular", "/users/me/export/", "2 kB in 10 ms (0.2 MB/s)", "10,000 kB in 5,000 ms (2.0 MB/s)"]
    ]
    assert [row[1] for row in report.pages_table(pages)[1:]] == ["/products/"]
    assert pages.is_good


def test_the_slowest_pages_come_first_and_every_bad_one_is_shown() -> None:
    bad = [page_of("admin", f"bad {number}", 10, 400 + number) for number in range(30)]
    pages = Pages([page_of("guest", "good", 10, 11), *bad], refused={"staff: /gone/": 404})

    _, first, *others = report.pages_table(pages)

    assert first == ["admin", "bad 29", "10", "429", "42.90", "✗"]
    assert len(others) == 29
    assert report.pages_summary(pages).startswith("31 pages were measured; 30 break the rule.")
    assert "staff: /gone/ (404)" in report.pages_summary(pages)


def test_results_name_status_time_and_what_others_noticed() -> None:
    before, during = Others([100.0] * 20), Others([150.0] * 20, refused=1)
    row = report.result_row("work", Result(), Result(204, 12, 3.5, during, before, size=5_000))

    assert row[1] == "–"
    assert row[2] == ("5,000, 12 ms (204), done after 3.5 s, checkouts p95 100 → 150 ms (× 1.50), 1 of 20 refused")
    assert "not done" in report.result_row("work", Result(500, 1, None, size=1), Result())[1]


def test_an_audit_that_fails_names_what_is_violated() -> None:
    fine, broken = Done(1, 90, 0, "✓ stock\n", ""), Done(2, 100, 1, "✓ stock\n✗ totals\n    one\n", "")

    assert report.audit_row(fine, broken)[1:] == ["1.0 s, 90 MB, exit code 0", "2.0 s, 100 MB, exit code 1: ✗ totals"]


def test_the_page_has_a_place_for_the_tables() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "performance.md").read_text()

    assert page.index("<!-- years: begin -->") < page.index("<!-- years: end -->")
    assert report.markdown([["", "small ms"], ["a|b", "1"]]) == "|  | small ms |\n|---|---:|\n| a\\|b | 1 |"
