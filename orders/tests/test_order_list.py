"""The list of orders says who bought what and what is to be done, with tabs of the work of a day."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Product
from orders import services
from orders.fulfilments import services as fulfilments
from orders.models import Order, ShippingMethod
from shop.dev.testing.admin import browser_of, ordered, url_of
from shop.dev.testing.commands import count_commands

pytestmark = pytest.mark.django_db

LIST = url_of("orders.order")


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def orders(customer: User, make_product: Callable[..., Product], shipping: ShippingMethod) -> dict[str, Order]:
    product = make_product("Mug", stock=100)
    names = ("unpaid", "failed", "paid", "shipped", "flagged", "disputed", "cancelled", "refunded", "due")
    made = {name: ordered(customer, product, quantity=2) for name in names}
    for name in ("paid", "shipped", "disputed", "due"):
        services.mark_paid(order_id=made[name].pk)
    fulfilments.ship(order=Order.objects.get(pk=made["shipped"].pk))
    services.mark_payment_failed(order_id=made["failed"].pk, detail="Declined")
    services.cancel_order(order=made["cancelled"], actor=services.Actor.STAFF)
    services.flag(order_id=made["flagged"].pk, detail="Look")
    Order.objects.filter(pk=made["disputed"].pk).update(payment_status="disputed")
    Order.objects.filter(pk=made["refunded"].pk).update(status="completed", payment_status="refunded")
    Order.objects.filter(pk=made["due"].pk).update(amount_due=3)
    Order.objects.filter(pk=made["paid"].pk).update(note="Ring twice", tags=["vip"])
    return made


def test_a_row_says_who_bought_what_and_what_is_to_be_done(browser: Client, orders: dict[str, Order]) -> None:
    text = browser.get(LIST).content.decode()
    assert "Completed" not in text.partition("result_list")[2].partition("</table>")[0]
    rows = {order.number: row for order, row in _rows(text, orders)}
    paid = rows[orders["paid"].number]
    for shown in ("Ada Lovelace", "ada@example.com", ">2<", "standard, GB", "Paid", "Unfulfilled", "Ring twice", "vip"):
        assert shown in paid, shown
    states = {
        "unpaid": ("Unpaid",),
        "failed": ("Payment failed",),
        "shipped": ("Paid", "Shipped"),
        "cancelled": ("Cancelled",),
        "disputed": ("Disputed", "Unfulfilled"),
        "refunded": ("Refunded",),
        "flagged": ("Unpaid", "Flagged"),
        "due": ("Paid", "Amount due"),
    }
    for name, labels in states.items():
        assert all(label in rows[orders[name].number] for label in labels), name
    assert "Unfulfilled" not in rows[orders["failed"].number]


def _rows(text: str, orders: dict[str, Order]) -> list[tuple[Order, str]]:
    rows = text.split('<tr class="data-row')[1:]
    return [(order, row) for order in orders.values() for row in rows if order.number in row]


def test_each_tab_lists_as_many_orders_as_it_counts(browser: Client, orders: dict[str, Order]) -> None:
    page = browser.get(LIST)
    expected = {
        "To ship": {"paid", "due"},
        "Unpaid": {"unpaid", "failed", "flagged"},
        "Problems": {"flagged", "disputed", "due"},
        "Returns": set(),
        "Shipped": {"shipped"},
    }
    tabs = {tab["label"]: tab for tab in page.context["tabs"]}
    assert list(tabs) == ["All", *expected]
    assert tabs["All"]["is_open"]
    for label, names in expected.items():
        shown = browser.get(tabs[label]["url"])
        numbers = [row.number for row in shown.context["cl"].result_list]
        assert numbers == [order.number for name, order in reversed(orders.items()) if name in names], label
        assert tabs[label]["count"] == str(len(names))
        assert [tab["label"] for tab in shown.context["tabs"] if tab["is_open"]] == [label]


def test_the_list_needs_as_many_commands_for_one_order_as_for_many(browser: Client, orders: dict[str, Order]) -> None:
    with count_commands() as commands:
        browser.get(LIST)
    # The rows, the number of all orders, tags to filter by, and one count per tab.
    assert len(commands.on("orders_order")) == 8
    assert len(commands.on("accounts_user")) <= 2
