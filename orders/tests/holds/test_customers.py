"""Stock that unpaid orders hold: for how long, and how much per customer and network address."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.models import User
from cart.owners import CartOwner
from catalog.models import Product
from conftest import ADDRESS
from orders import holds
from orders.models import Order
from shop.admin.dashboard import Figure
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.holds import cancel, hold_of, try_to_order
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import deliver, open_payment, pay

pytestmark = pytest.mark.django_db


# --- How long ---------------------------------------------------------------------------------------------------------


def test_the_hold_is_short_until_a_payment_is_opened_and_full_from_then_on(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    assert hold_of(number) == timedelta(minutes=10)
    open_payment(as_customer, number)
    assert hold_of(number) == timedelta(minutes=30)
    # Neither asking again nor time extends it further.
    open_payment(as_customer, number)
    assert hold_of(number) == timedelta(minutes=30)


def test_the_short_hold_is_never_longer_than_the_full_one(
    as_customer: APIClient, product: Product, simulator: StripeSimulator, settings: Any
) -> None:
    settings.ORDER_HOLD_SECONDS = 5
    number = place_order(as_customer, product)["number"]
    assert hold_of(number) == timedelta(seconds=5)
    open_payment(as_customer, number)
    assert hold_of(number) == timedelta(seconds=5)


def test_opening_a_payment_never_shortens_a_hold_that_was_extended(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    extended = (timezone.now() + timedelta(hours=2)).replace(microsecond=0)
    Order.objects.filter(number=number).update(expires_at=extended)
    open_payment(as_customer, number)
    assert Order.objects.get(number=number).expires_at == extended


# --- How much, for a customer -----------------------------------------------------------------------------------------


def test_a_customer_has_a_maximum_of_unpaid_orders_and_the_next_one_changes_nothing(
    as_customer: APIClient, product: Product, limits: Any
) -> None:
    for _ in range(3):
        place_order(as_customer, product)
    reply = try_to_order(as_customer, product)
    assert refusal(reply, 409)[0] == "too_many_unpaid_orders"
    assert Order.objects.count() == 3
    assert stock_of(product) == 997
    assert cart_of(as_customer)["items"][0]["quantity"] == 1


def test_a_verified_address_may_hold_more(
    as_customer: APIClient, customer: User, product: Product, limits: Any
) -> None:
    User.objects.filter(pk=customer.pk).update(email_verified=True)
    for _ in range(5):
        place_order(as_customer, product, 20)
    assert refusal(try_to_order(as_customer, product), 409)[0] == "too_many_unpaid_orders"


def test_pieces_are_limited_over_all_unpaid_orders_together(
    as_customer: APIClient, product: Product, limits: Any
) -> None:
    place_order(as_customer, product, 20)
    reply = try_to_order(as_customer, product, 31)
    assert refusal(reply, 409)[0] == "too_many_unpaid_orders"
    assert "50 units" in reply.json()["errors"][0]["detail"]
    as_customer.delete(f"{API}/cart/")
    place_order(as_customer, product, 30)
    assert stock_of(product) == 950


@pytest.mark.parametrize("way_out", ["paid", "cancelled by staff"])
def test_an_order_that_is_paid_or_cancelled_by_staff_does_not_count_any_more(
    as_customer: APIClient,
    as_staff: APIClient,
    product: Product,
    limits: Any,
    simulator: StripeSimulator,
    way_out: str,
) -> None:
    for _ in range(5):
        number = place_order(as_customer, product, 50)["number"]
        if way_out == "paid":
            pay(as_customer, simulator, number)
        else:
            assert as_staff.post(f"{API}/orders/{number}/cancel/", {}).status_code == 200
    assert stock_of(product) == (750 if way_out == "paid" else 1000)
    assert set(Order.objects.values_list("placed_from", flat=True)) == {""}


def test_a_paid_order_that_its_customer_cancels_does_not_count(
    as_customer: APIClient, product: Product, limits: Any, simulator: StripeSimulator
) -> None:
    for _ in range(5):
        number = place_order(as_customer, product, 50)["number"]
        pay(as_customer, simulator, number)
        cancel(as_customer, number)
    assert set(Order.objects.values_list("placed_from", "expired_at")) == {("", None)}


def test_orders_that_wait_for_a_bank_hold_stock_and_count(
    as_customer: APIClient, product: Product, limits: Any, simulator: StripeSimulator
) -> None:
    for _ in range(3):
        number = place_order(as_customer, product)["number"]
        simulator.pay(open_payment(as_customer, number)["payment_intent"], "pm_usBankAccount_processing")
    deliver(simulator)
    assert set(Order.objects.values_list("payment_status", flat=True)) == {"processing"}
    assert refusal(try_to_order(as_customer, product), 409)[0] == "too_many_unpaid_orders"
    assert stock_of(product) == 997


def test_orders_of_nothing_to_pay_are_neither_counted_nor_refused(
    as_customer: APIClient, make_product: Callable[..., Product], limits: Any
) -> None:
    free, paid = make_product(price="0.00", stock=500), make_product(stock=5)
    for _ in range(4):
        place_order(as_customer, free, 100)
    for _ in range(3):
        place_order(as_customer, paid)
    place_order(as_customer, free, 100)


def test_another_customer_is_not_concerned(
    as_customer: APIClient, as_stranger: APIClient, product: Product, limits: Any
) -> None:
    for _ in range(3):
        place_order(as_customer, product)
    place_order(as_stranger, product)


def test_checkouts_of_one_account_at_once_never_pass_its_limit(
    as_customer: APIClient, product: Product, limits: Any
) -> None:
    limits.UNPAID_PIECES_UNVERIFIED = 10**6

    def buy() -> tuple[int, str]:
        as_customer.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": 1})
        reply = as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS})
        return reply.status_code, "" if reply.status_code == 201 else reply.json()["errors"][0]["code"]

    outcomes = Counter(outcome for _ in range(5) for outcome in run_concurrently(*[buy] * 10))
    assert outcomes[201, ""] == Order.objects.count() == 3
    assert outcomes[409, "too_many_unpaid_orders"] > 0
    assert 1000 - stock_of(product) == sum(line.quantity for order in Order.objects.all() for line in order.lines)


def test_without_rate_limits_there_are_no_limits_of_unpaid_orders(as_customer: APIClient, product: Product) -> None:
    for _ in range(6):
        place_order(as_customer, product, 60)
    assert stock_of(product) == 640


# --- Cost and reports -------------------------------------------------------------------------------------------------


def test_the_limits_cost_no_command(as_customer: APIClient, product: Product, limits: Any) -> None:
    def commands_of_an_order() -> list[str]:
        add_to_cart(as_customer, product)
        with count_commands() as commands:
            reply = as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS})
        assert reply.status_code == 201
        return commands.names

    limits.RATE_LIMITS = False
    without = commands_of_an_order()
    limits.RATE_LIMITS, limits.RATE_LIMITS_COUNTED_AT_ONCE = True, {"order": 100, "cart": 100}
    commands_of_an_order()
    assert commands_of_an_order() == without


def test_staff_see_who_is_at_a_limit(
    as_customer: APIClient, customer: User, as_stranger: APIClient, staff: User, product: Product, limits: Any
) -> None:
    def figure_and_rows() -> tuple[Figure, list[Any]]:
        context = browser_of(staff).get("/admin/").context
        figure = next(each for each in context["figures"] if each.label == "At hold limits")
        return figure, next(each for each in context["panels"] if each.title == "Unpaid stock holders").data["rows"]

    place_order(as_stranger, product)
    assert (figure_and_rows()[0].value, figure_and_rows()[0].urgent, figure_and_rows()[1]) == ("0", False, [])

    place_order(as_customer, product, 50)
    with capture_logs() as lines:
        assert try_to_order(as_customer, product).status_code == 409
    assert [(line["event"], line["user"]) for line in lines if line["log_level"] == "warning"] == [
        ("unpaid_orders_limit_reached", str(customer.pk))
    ]
    figure, rows = figure_and_rows()
    assert (figure.value, figure.urgent) == ("1", True)
    assert [(row["person"], row["holder"].pieces) for row in rows] == [(customer, 50)]

    limits.UNPAID_PIECES_PER_ADDRESS = 60
    _, rows = figure_and_rows()
    assert [(row["person"], row["holder"].orders, row["holder"].pieces) for row in rows] == [
        (None, 2, 51),
        (customer, 1, 50),
    ]


def test_an_order_reads_no_more_holds_than_the_limits_need(
    as_customer: APIClient, customer: User, product: Product, limits: Any
) -> None:
    limits.UNPAID_PIECES_PER_ADDRESS, limits.UNPAID_ORDERS_PER_CUSTOMER, limits.UNPAID_PIECES_PER_CUSTOMER = 10, 3, 8
    order = Order.objects.get(number=try_to_order(as_customer, product).json()["number"])
    orders = connection.database.get_collection("orders_order")
    document = orders.find_one({"_id": order.pk})
    now = timezone.now()
    for ended in (None, now):
        copies = [
            {**document, "_id": ObjectId(), "number": f"{ended is None}-{number}", "expired_at": ended}
            | {"cart_revision": 1_000 + number + 1_000 * (ended is None)}
            for number in range(100)
        ]
        orders.insert_many(copies)

    pipeline = [{"$limit": 1}, *holds.lookups(owner=CartOwner(user=customer), placed_from=order.placed_from)]
    command = {"aggregate": "accounts_user", "pipeline": pipeline, "cursor": {}}
    explained = connection.database.command("explain", command, verbosity="executionStats")
    read = [stage["totalDocsExamined"] for stage in explained["stages"] if "$lookup" in stage]
    assert read == [3 + holds.FREE_EXPIRIES + 4, 30]
    # Open ones first.
    (found,) = connection.database.accounts_user.aggregate(pipeline).to_list()
    assert [row["expired_orders"] for row in (*found["own_holds"], *found["holds_here"])] == [0, 0]
    assert refusal(try_to_order(as_customer, product), 409)[0] == "too_many_unpaid_orders"
