"""Placing an order happens completely or not at all."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from cart.models import Cart
from catalog import services as catalog
from catalog import stock
from catalog.models import Product, StockMovement, Variant
from conftest import ADDRESS
from orders.models import Order, ShippingMethod
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import (
    API,
    add_to_cart,
    cart_of,
    dump_database,
    events_of,
    order_of,
    place_order,
    stock_of,
    variant_of,
)
from shop.jobs import Job

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ORDERS = f"{API}/orders/"


def test_an_order_has_the_shape_of_the_contract(
    as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod
) -> None:
    mug = make_product("Mug", price="12.50", sku="MUG")
    add_to_cart(as_customer, mug, 2)
    reply = as_customer.post(ORDERS, {"shipping_address": ADDRESS, "note": "Ring twice"})

    assert reply.status_code == 201
    order = reply.json()
    at = order["created_at"]
    sent_to = {**ADDRESS, **dict.fromkeys(("company", "tax_id", "line2", "state", "phone"), "")}
    assert order == {
        "number": Order.objects.get().number,
        "email": "ada@example.com",
        "status": "pending",
        "payment_status": "unpaid",
        "fulfilment_status": "unfulfilled",
        "cancellable": True,
        "lines": [
            {
                "id": str(variant_of(mug).pk),
                "product": str(mug.pk),
                "variant": str(variant_of(mug).pk),
                "sku": "MUG",
                "name": "Mug",
                "options": {},
                "image": None,
                "quantity": 2,
                "backordered": 0,
                "expected_on": None,
                "unit_price": "12.50",
                "line_total": "25.00",
                "tax": "0.00",
                "tax_rate": "0",
                "discount": "0.00",
                "discounts": [],
                **dict.fromkeys(("fulfilled", "cancelled", "returned", "refunded", "returnable", "withdrawable"), 0),
            }
        ],
        "item_count": 2,
        "subtotal": "25.00",
        "discount": "0.00",
        "discounts": [],
        "shipping": "4.90",
        "tax": "0.00",
        "tax_lines": [],
        "total": "29.90",
        "net_total": "29.90",
        "amount_due": "0.00",
        "currency": "usd",
        "coupon": None,
        "shipping_method": "standard",
        "shipping_address": sent_to,
        "pickup_address": None,
        "billing_address": sent_to,
        "note": "Ring twice",
        "carrier": "",
        "tracking_number": "",
        "fulfilments": [],
        "payment": None,
        "refunds": [],
        "returns": [],
        "invoice": None,
        "credit_notes": [],
        "expires_at": order["expires_at"],
        "created_at": at,
        "timeline": [{"at": at, "event": "placed", "detail": "", "actor": "customer"}],
    }
    hold = datetime.fromisoformat(order["expires_at"]) - datetime.fromisoformat(at)
    # Half an hour from when a payment is opened on, see `test_holds`.
    assert hold == timedelta(minutes=10)
    assert order_of(as_customer, order["number"]) == {**order, "created_at": at}


def test_placing_takes_the_stock_writes_the_ledger_and_empties_the_cart(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=5)
    order = place_order(as_customer, product, 2)
    assert stock_of(product) == 3
    movement = StockMovement.objects.get(reason="order")
    assert (movement.delta, movement.reference) == (-2, order["number"])
    cart = cart_of(as_customer)
    assert (cart["items"], cart["coupon"]) == ([], None)


def test_an_order_shows_what_was_bought_whatever_becomes_of_the_product(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product("Mug", price="12.50", sku="MUG")
    order = place_order(as_customer, product)
    catalog.update_product(product=product, data={"name": "Cup", "price": Decimal("99.00"), "sku": "CUP"})
    assert order_of(as_customer, order["number"])["lines"] == order["lines"]
    catalog.delete_product(product=product)
    assert order_of(as_customer, order["number"])["lines"] == order["lines"]


def test_the_last_piece_flips_the_product_to_sold_out(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=2)
    place_order(as_customer, product)
    assert Product.objects.get().in_stock is True
    place_order(as_customer, product)
    assert Product.objects.get().in_stock is False


def test_an_empty_cart_cannot_be_ordered(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    assert refusal(as_customer.post(ORDERS, {"shipping_address": ADDRESS}), 400) == ("empty_cart", None)
    place_order(as_customer, make_product())
    assert refusal(as_customer.post(ORDERS, {"shipping_address": ADDRESS}), 400) == ("empty_cart", None)
    assert Order.objects.count() == 1


def test_items_that_ran_out_are_listed_by_line_and_nothing_is_written(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    short, fine, gone, inactive = (make_product(stock=5) for _ in range(4))
    for product in (short, fine, gone, inactive):
        add_to_cart(as_customer, product, 3)
    stock.adjust(variant_of(short), to=2)
    catalog.delete_product(product=gone)
    catalog.update_product(product=inactive, data={"is_active": False})
    before = dump_database()

    reply = as_customer.post(ORDERS, {"shipping_address": ADDRESS})

    assert refusals(reply, 409) == [("out_of_stock", f"items.{n}.quantity") for n in (0, 2, 3)]
    assert dump_database() == before


def test_an_inactive_variant_is_not_sold(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    product = make_product()
    add_to_cart(as_customer, product)
    Variant.objects.update(is_active=False)
    reply = as_customer.post(ORDERS, {"shipping_address": ADDRESS})
    assert refusal(reply, 409) == ("out_of_stock", "items.0.quantity")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("expected", "status"), [("29.90", 201), ("29.9", 201), (29.9, 201), ("29.89", 409), ("25.00", 409)]
)
def test_the_expected_total_must_be_the_real_one(
    as_customer: APIClient,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    expected: Any,
    status: int,
) -> None:
    product = make_product(price="12.50")
    add_to_cart(as_customer, product, 2)
    before = dump_database()
    reply = as_customer.post(ORDERS, {"shipping_address": ADDRESS, "expected_total": expected})
    if status == 409:
        assert refusal(reply, 409) == ("total_changed", "expected_total")
        assert reply.json()["errors"][0]["detail"] == "The total is now 29.90."
        assert dump_database() == before
    else:
        assert reply.status_code == 201
        assert reply.json()["total"] == "29.90"


@pytest.mark.parametrize("expected", ["-1", "1.001", "NaN", "much", [], {}, True, "1" * 40])
def test_a_malformed_expected_total_is_a_400(
    as_customer: APIClient, make_product: Callable[..., Product], expected: Any
) -> None:
    add_to_cart(as_customer, make_product())
    reply = as_customer.post(ORDERS, {"shipping_address": ADDRESS, "expected_total": expected})
    assert refusal(reply, 400)[1] == "expected_total"
    assert not Order.objects.exists()


def test_an_order_of_zero_is_completed_and_paid_at_once(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(price="0.00", stock=5)
    order = place_order(as_customer, product)
    assert (order["total"], order["status"], order["payment_status"]) == ("0.00", "completed", "paid")
    assert (order["expires_at"], order["payment"]) == (None, None)
    assert events_of(order) == [("placed", "customer"), ("paid", "system")]
    assert stock_of(product) == 4
    assert Job.objects.filter(kind="catalog.count_sales").count() == 1
    assert refusal(as_customer.post(f"{API}/payments/", {"order": order["number"]}), 409)[0] == "order_not_payable"


@pytest.mark.parametrize(
    ("price", "quantity", "code"),
    [("0.49", 1, "amount_too_small"), ("1000000.00", 1, "amount_too_large"), ("999999999.00", 5, "amount_too_large")],
)
def test_a_total_that_stripe_would_not_charge_is_a_400_and_nothing_is_written(
    as_customer: APIClient, make_product: Callable[..., Product], price: str, quantity: int, code: str
) -> None:
    add_to_cart(as_customer, make_product(price=price), quantity)
    before = dump_database()
    assert refusal(as_customer.post(ORDERS, {"shipping_address": ADDRESS}), 400) == (code, None)
    assert dump_database() == before


@pytest.mark.parametrize("price", ["0.50", "999999.99"])
def test_the_least_and_the_most_that_stripe_charges_can_be_ordered(
    as_customer: APIClient, make_product: Callable[..., Product], price: str
) -> None:
    assert place_order(as_customer, make_product(price=price))["total"] == price


def test_fields_that_the_server_owns_are_ignored(
    as_customer: APIClient, staff: User, make_product: Callable[..., Product]
) -> None:
    mine = {
        "number": "MINE",
        "status": "completed",
        "payment_status": "paid",
        "total": "0.01",
        "discount": "9",
        "user": str(staff.pk),
        "expires_at": "2099-01-01T00:00:00Z",
        "lines": [],
    }
    order = place_order(as_customer, make_product(price="10.00"), **mine)
    assert (order["status"], order["payment_status"], order["total"]) == ("pending", "unpaid", "10.00")
    assert order["number"] != "MINE"
    assert Order.objects.get().user_id != staff.pk
    assert Order.objects.get().expires_at < timezone.now() + timedelta(hours=1)


def test_order_numbers_reveal_neither_their_count_nor_the_time(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=20)
    numbers = [place_order(as_customer, product)["number"] for _ in range(12)]
    assert len(set(numbers)) == 12
    assert numbers != sorted(numbers)
    assert numbers != sorted(numbers, reverse=True)
    for number in numbers:
        left, right = number.split("-")
        assert (len(left), len(right)) == (5, 5)
    # Ten of 30 letters: subsequent numbers share only as many as by chance.
    assert all(sum(a == b for a, b in zip(one, two, strict=True)) < 7 for one, two in itertools.pairwise(numbers))


def test_the_carts_revision_is_spent_by_the_order(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    add_to_cart(as_customer, make_product())
    revision = Cart.objects.get().revision
    place_order(as_customer)
    assert Order.objects.get().cart_revision == revision
    assert Cart.objects.get().revision == revision + 1
