"""Staff edit the stock of many variants on one page."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from catalog import inventory, stock
from catalog.admin.inventory import Cell
from catalog.models import Category, Product, StockMovement, Variant
from catalog.stock_edits import Edit
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import allow, browser_of, messages_of, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import stages_of
from shop.dev.testing.steps import run_concurrently

PAGE = url_of("catalog.variant", "inventory")


@pytest.fixture
def browser(make_user: Callable[..., User]) -> Client:
    rights = ("catalog.view_variant", "catalog.change_variant", "catalog.view_category")
    return browser_of(allow(make_user(email="clerk@example.com"), *rights))


def skus(browser: Client, **query: str) -> list[str]:
    page = browser.get(PAGE, query)
    assert page.status_code == 200
    return [row["variant"].sku for row in page.context["rows"]]


def form_of(browser: Client, typed: dict[str, str], note: str = "Stock count", **query: str) -> dict[str, str]:
    """Return what a browser would send after typing into the cells of these SKUs."""
    page = browser.get(PAGE, query)
    data = dict(re.findall(r'type="hidden" name="((?:was|new)-\w+)" value="([^"]*)"', page.content.decode()))
    data |= {f"new-{Variant.objects.get(sku=sku).pk}": text for sku, text in typed.items()}
    return {**data, "note": note, "key": str(page.context["key"])}


def stocks() -> dict[str, int]:
    return dict(Variant.objects.values_list("sku", "stock"))


def test_quantities_are_saved_in_one_go_and_conflicts_stay_in_their_row(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    for sku, pieces in (("SET", 12), ("ADD", 5), ("MOVED", 8), ("SHORT", 2), ("TEXT", 3), ("SAME", 4), ("REST", 9)):
        make_product(f"Thing {sku}", sku=sku, stock=pieces)
    gone = make_product("Thing GONE", sku="GONE")
    before = StockMovement.objects.count()
    typed = {"SET": "10", "ADD": " +3", "MOVED": "20", "SHORT": "−3", "TEXT": "ten", "SAME": "4", "GONE": "1"}
    form = form_of(browser, typed)
    for sku in ("ADD", "MOVED"):
        # Sold meanwhile: one more is still 3 more, a count is out of date.
        stock.adjust(Variant.objects.get(sku=sku), delta=-1)
    gone.delete()

    page = browser.post(PAGE, form)

    assert stocks() == {"SET": 10, "ADD": 7, "MOVED": 7, "SHORT": 2, "TEXT": 3, "SAME": 4, "REST": 9}
    assert messages_of(page) == [
        "The stock of 2 variants was changed.",
        "1 variant no longer exists.",
        "3 variants were not changed: see below.",
    ]
    rows = {row["variant"].sku: (row["text"], row["error"]) for row in page.context["rows"]}
    assert {sku: row for sku, row in rows.items() if row != ("", "")} == {
        "MOVED": ("20", "The stock changed from 8 to 7 meanwhile. Save again to set it."),
        "SHORT": ("−3", "Only 2 in stock."),
        "TEXT": ("ten", "Enter a number such as 12, +3 or -3, at most 1,000,000."),
    }
    made = StockMovement.objects.order_by("-pk")[: StockMovement.objects.count() - before]
    by_staff = [each for each in made if each.note]
    assert {(each.variant.sku, each.delta, each.reason, each.note) for each in by_staff} == {
        ("SET", -2, "adjustment", "Stock count"),
        ("ADD", 3, "adjustment", "Stock count"),
    }
    assert {each.reference for each in by_staff} == {str(User.objects.get(email="clerk@example.com").pk)}
    logged = StaffAction.objects.filter(action="stock")
    assert {(each.label, each.via) for each in logged} == {("SET", "admin"), ("ADD", "admin")}

    # The same form again, as by a double click or the back button.
    again = browser.post(PAGE, form, follow=True)
    assert messages_of(again) == ["These changes were saved before."]
    assert stocks()["ADD"] == 7
    # The row with the conflict is saved from what is shown now.
    assert browser.post(PAGE, form_of(browser, {"MOVED": "20"})).status_code == 302
    assert stocks()["MOVED"] == 20
    without_reason = browser.post(PAGE, form_of(browser, {"REST": "+1"}, note=""))
    assert "Enter a reason." in without_reason.content.decode()
    assert [row["text"] for row in without_reason.context["rows"] if row["text"]] == ["+1"]
    assert stocks()["REST"] == 9


@pytest.mark.parametrize(
    ("text", "shown", "edit"),
    [
        ("0", "-3", Edit(0, counted_from=-3)),
        ("+12", "5", Edit(12)),
        ("- 12", "5", Edit(-12)),
        ("-1", "-1", Edit(-1)),
        ("1000001", "5", None),
        ("٣", "5", None),
        ("3", "x", None),
        ("1e3", "5", None),
        ("--1", "5", None),
    ],
)
def test_what_is_typed_is_a_count_or_a_change(text: str, shown: str, edit: Edit | None) -> None:
    assert Cell(text, shown).edit == edit


def test_variants_are_found_and_paged(
    browser: Client,
    make_product: Callable[..., Product],
    make_category: Callable[..., Category],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.LOW_STOCK_THRESHOLD = 3
    monkeypatch.setattr(inventory, "ROWS", 2)
    monkeypatch.setattr(inventory, "_AT_ONCE", 2)
    mugs = make_category("Mugs")
    variants: Any = [
        {"sku": f"BLUE-{size}", "price": 10, "stock": n, "options": {"size": size}} for n, size in enumerate("SML")
    ]
    make_product("Blue mug", variants=variants, category=mugs)
    make_product("Red mug", sku="RED", stock=0, category=mugs, is_active=False)
    make_product("Plate", sku="PLATE", stock=2)
    Variant.objects.filter(sku="PLATE").update(barcode="4006381333931")
    make_product("Bowl", sku="BOWL", stock=2)
    make_product("Service", sku="FREE", stock=0)
    Variant.objects.filter(sku="FREE").update(stock_policy="untracked")

    def pages(**query: str) -> list[list[str]]:
        found, after = [], ""
        while True:
            page = browser.get(PAGE, {**query, "after": after})
            found.append([row["variant"].sku for row in page.context["rows"]])
            if not page.context["next_url"]:
                return found
            after = re.search(r"after=(-?\w+)", page.context["next_url"])[1]

    blue = ["BLUE-S", "BLUE-M", "BLUE-L"]
    with count_commands() as commands:
        assert pages() == [["FREE", "BOWL"], ["PLATE", "RED"], blue]
        assert pages(stock="low") == [["BLUE-S", "BLUE-M"], ["BLUE-L", "PLATE"], ["BOWL"]]
        assert pages(stock="out") == [["BLUE-S"]]
        assert pages(category=str(mugs.pk)) == [["RED", *blue]]
        assert pages(category=str(mugs.pk), stock="low") == [blue]
        assert pages(q="mug") == [["RED", *blue]]
        assert pages(q="mug", stock="out") == [["BLUE-S"]]
        assert pages(q="blue-m") == [["BLUE-M"]]
        assert pages(q="4006381333931") == [["PLATE"]]
        assert pages(q="nothing") == [[]]
    for command in commands:
        if command.collection in ("catalog_product", "catalog_variant"):
            assert "COLLSCAN" not in stages_of(command), repr(command)
    for odd in ({"after": "x"}, {"after": f"{'9' * 14}_{'a' * 24}"}, {"stock": "x", "category": "y", "q": "\0"}):
        assert browser.get(PAGE, odd).status_code == 200
    assert "4006381333931" in browser.get(PAGE, {"q": "plate"}).content.decode()


@pytest.mark.django_db(transaction=True)
def test_concurrent_edits_and_sales_add_up(browser: Client, make_product: Callable[..., Product]) -> None:
    variants = [make_product(f"Thing {number}", sku=f"T-{number}", stock=50).variants.get() for number in range(3)]
    once = form_of(browser, {each.sku: "+1" for each in variants})
    forms = [once, once, *(form_of(browser, {each.sku: "+1" for each in variants}) for _ in range(2))]
    sold = {each.pk: 2 for each in variants}
    run_concurrently(
        *[partial(browser.post, PAGE, form) for form in forms],
        *[partial(stock.reserve, sold, reason=StockMovement.Reason.ORDER, reference=str(n)) for n in range(4)],
    )
    assert stocks() == {each.sku: 50 + 3 - 8 for each in variants}
    for each in variants:
        assert sum(each.movements.values_list("delta", flat=True)) == 45
