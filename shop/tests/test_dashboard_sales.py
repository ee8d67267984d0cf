"""The admin's dashboard: sales of a period, compared with the one before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from orders import services as orders
from orders import statistics
from orders.models import Order, ShippingMethod
from shop import days
from shop.dev.testing.admin import browser_of, ordered
from shop.dev.testing.commands import count_commands
from shop.dev.testing.dashboard import chart, compared, count_totals, figures, look, paid, panel, refunded


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def mug(make_product: Callable[..., Product], shipping: ShippingMethod) -> Product:
    return make_product("Mug", price="10.00", stock=500)


def test_sales_count_on_the_day_their_money_came_in_in_the_shop_s_time_zone(
    browser: Client, customer: User, mug: Product, settings: Any
) -> None:
    # Wherever it is another day than in UTC right now.
    settings.TIME_ZONE = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 12 else "Etc/GMT+12"
    assert days.today() != datetime.now(UTC).date()
    yesterday = days.latest(2)[0]
    paid(customer, mug, at=days.beginning(yesterday))
    paid(customer, mug, at=days.beginning(days.today()) - timedelta(milliseconds=1))
    paid(customer, mug, at=days.beginning(days.today()))
    ordered(customer, mug)  # not paid

    sold, back = chart(browser)

    assert sold == {f"{yesterday.day} {yesterday:%b}": 29.8, f"{days.today().day} {days.today():%b}": 14.9}
    assert back == {}
    assert {key: compared(browser, period=key)["Net sales"] for key in ("today", "yesterday", "7")} == {
        "today": ("14.90 USD", "29.80 USD", "-50.0%"),
        "yesterday": ("29.80 USD", "0.00 USD", ""),
        "7": ("44.70 USD", "0.00 USD", ""),
    }
    assert settings.TIME_ZONE in look(browser).content.decode()


def test_a_day_begins_at_its_own_midnight_when_the_clocks_change(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    before, after = (days.beginning(datetime(2026, 10, day).date()) for day in (25, 26))
    assert after.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=25)


def test_sales_older_than_the_chart_and_in_another_currency_are_left_out(
    browser: Client, customer: User, mug: Product
) -> None:
    paid(customer, mug, at=days.beginning(days.latest(30)[0]) - timedelta(milliseconds=1))
    other = paid(customer, mug)
    Order.objects.filter(pk=other.pk).update(currency="eur")
    assert chart(browser) == ({}, {})
    assert panel(browser, "Best sellers")["rows"] == []


def test_refunds_are_taken_off_on_their_own_day_unless_they_failed(
    browser: Client, customer: User, mug: Product
) -> None:
    yesterday = days.beginning(days.latest(2)[0])
    order = paid(customer, mug, at=yesterday)
    refunded(order, 400)
    refunded(order, 300, status="pending")
    refunded(order, 200, status="failed")

    sold, back = chart(browser)

    assert list(sold.values()) == [14.9]
    # A pending one counts when it has succeeded.
    assert back == {f"{days.today().day} {days.today():%b}": -4.0}
    today = compared(browser, period="today")
    assert (today["Net sales"], today["Refunds"]) == (
        ("-4.00 USD", "14.90 USD", "-126.8%"),
        ("4.00 USD", "0.00 USD", ""),
    )
    assert compared(browser, period="7")["Net sales"][0] == "10.90 USD"
    rows = panel(browser, "Sales")["days"]
    assert [row[1:] for row in rows[:2]] == [
        (0, "0.00 USD", "4.00 USD", "-4.00 USD"),
        (1, "14.90 USD", "0.00 USD", "14.90 USD"),
    ]
    failed = figures(browser)["Failed refunds"]
    assert (failed.value, failed.urgent) == ("1", True)
    assert [row["amount"] for row in panel(browser, "Latest refunds")["rows"]] == ["2.00 USD", "3.00 USD", "4.00 USD"]


def test_an_order_that_was_cancelled_after_its_money_came_in_stays_a_sale_of_its_day(
    browser: Client, customer: User, mug: Product
) -> None:
    order = paid(customer, mug)
    orders.cancel_order(order=order, actor=orders.Actor.STAFF)
    assert list(chart(browser)[0].values()) == [14.9]


def test_hearing_of_the_money_again_moves_no_sale(browser: Client, customer: User, mug: Product) -> None:
    yesterday = days.beginning(days.latest(2)[0])
    order = paid(customer, mug, at=yesterday)
    orders.mark_paid(order_id=order.pk)
    assert chart(browser)[0] == {f"{yesterday.day} {yesterday:%b}": 14.9}


def test_a_period_is_chosen_by_its_address_and_compared_with_the_one_before(
    browser: Client, customer: User, mug: Product, make_product: Callable[..., Product]
) -> None:
    today = days.today()
    first, last = today - timedelta(days=12), today - timedelta(days=10)
    # Three days, and the three before.
    for ago, quantity in ((9, 1), (10, 1), (12, 3), (13, 2), (15, 2), (16, 7)):
        paid(customer, mug, at=days.beginning(today - timedelta(days=ago)), quantity=quantity)
    count_totals()
    custom = {"period": "custom", "first": str(first), "last": str(last)}
    with count_commands() as commands:
        figures_of_it = compared(browser, **custom)
    assert figures_of_it == {
        "Net sales": ("49.80 USD", "49.80 USD", "+0.0%"),
        "Sales": ("49.80 USD", "49.80 USD", "+0.0%"),
        "Refunds": ("0.00 USD", "0.00 USD", ""),
        "Orders": ("2", "2", "+0.0%"),
        "Average order": ("24.90 USD", "24.90 USD", "+0.0%"),
        "Units": ("4", "4", "+0.0%"),
    }
    # Orders are read for the best sellers only.
    assert not [each for each in commands.on("orders_order") if "paid_on" in repr(each) and "$unwind" not in repr(each)]
    page = look(browser, **custom)
    text = page.content.decode()
    assert f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}, compared with" in text
    assert [row["row"].pieces for row in panel(browser, "Best sellers", **custom)["rows"]] == [4]
    for key, length in (("today", 1), ("yesterday", 1), ("7", 7), ("30", 30), ("90", 90), ("month", today.day)):
        shown = panel(browser, "Sales", period=key)
        assert (shown["period"].length, shown["before"].last) == (length, shown["period"].first - timedelta(days=1))
        assert [each.key for each in look(browser, period=key).context["chosen"].choices if each.is_chosen] == [key]
    for odd in (
        {"first": str(last), "last": str(first)},
        {"first": "2020-01-01", "last": "2026-01-01"},
        {"first": "0001-01-01", "last": "0001-01-02"},
        {"first": "x", "last": ""},
    ):
        page = look(browser, period="custom", **odd)
        assert "shop-error" in page.content.decode()
        assert page.context["chosen"].period.length == 30
    assert look(browser, period="x").context["chosen"].period.length == 30


def test_best_sellers_are_those_of_which_most_pieces_were_paid(
    browser: Client, customer: User, mug: Product, make_product: Callable[..., Product]
) -> None:
    plate = make_product("Plate", price="30.00", stock=50)
    paid(customer, mug, plate)
    paid(customer, mug, quantity=2)
    ordered(customer, plate, quantity=9)  # not paid
    rows = panel(browser, "Best sellers")["rows"]
    assert [(each["row"].name, each["row"].pieces, each["amount"]) for each in rows] == [
        ("Mug", 3, "30.00 USD"),
        ("Plate", 1, "30.00 USD"),
    ]


def test_best_sellers_are_found_among_the_latest_sales_only(
    browser: Client, customer: User, mug: Product, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "LATEST_SALES", 1)
    paid(customer, make_product("Plate"), at=timezone.now() - timedelta(days=2))
    paid(customer, mug)
    assert [each["row"].name for each in panel(browser, "Best sellers")["rows"]] == ["Mug"]
