"""Cancellation: by the customer or by staff, before shipping, once."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product, StockMovement
from conftest import client_of
from orders.models import Order
from payments.models import Payment
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, events_of, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import deliver, open_payment, pay

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ORDERS = f"{API}/orders/"


def cancel(client: APIClient, number: str, **body: str) -> dict:
    reply = client.post(f"{ORDERS}{number}/cancel/", body)
    assert reply.status_code == 200, reply.content
    return reply.json()


def test_a_cancel_puts_the_stock_back_once(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    product = make_product(stock=2)
    number = place_order(as_customer, product, 2)["number"]
    assert Product.objects.get().in_stock is False

    order = cancel(as_customer, number, reason="Too late")

    assert (order["status"], order["payment_status"], order["expires_at"]) == ("cancelled", "unpaid", None)
    assert events_of(order) == [("placed", "customer"), ("cancelled", "customer")]
    assert order["timeline"][-1]["detail"] == "Too late"
    assert stock_of(product) == 2
    assert Product.objects.get().in_stock is True
    assert StockMovement.objects.get(reason="cancellation").reference == number
    again = as_customer.post(f"{ORDERS}{number}/cancel/", {})
    assert refusal(again, 409) == ("order_not_cancellable", None)
    assert stock_of(product) == 2
    assert order_of(as_customer, number) == order


def test_ten_cancels_at_once_cancel_once(customer: User, make_product: Callable[..., Product]) -> None:
    product = make_product(stock=5)
    number = place_order(client_of(customer), product, 2)["number"]

    def one() -> Callable[[], int]:
        client = client_of(customer)
        return lambda: client.post(f"{ORDERS}{number}/cancel/", {}).status_code

    assert sorted(run_concurrently(*[one() for _ in range(10)])) == [200] + [409] * 9
    assert stock_of(product) == 5
    assert StockMovement.objects.filter(reason="cancellation").count() == 1


def test_a_cancel_gives_the_coupons_use_back(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    Promotion.objects.create(
        code="ONCE", kind="percentage", value=Decimal(10), usage_limit=1, usage_limit_per_customer=1
    )
    for _ in range(2):
        add_to_cart(as_customer, make_product())
        as_customer.put(f"{API}/cart/coupon/", {"code": "ONCE"})
        order = place_order(as_customer)
        assert (order["discount"], PromotionUse.objects.taken().count()) == ("1.00", 1)
        cancel(as_customer, order["number"])
        assert not PromotionUse.objects.taken().exists()


def test_a_cancellation_by_staff_is_in_the_timeline(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    number = place_order(as_customer, make_product())["number"]
    assert events_of(cancel(as_staff, number))[-1] == ("cancelled", "staff")


@pytest.mark.parametrize("body", [{"reason": "x" * 301}, {"reason": ["x"]}, {"reason": {"$gt": ""}}])
def test_a_malformed_reason_is_a_400(as_customer: APIClient, make_product: Callable[..., Product], body: dict) -> None:
    number = place_order(as_customer, make_product())["number"]
    assert refusal(as_customer.post(f"{ORDERS}{number}/cancel/", body), 400)[1] == "reason"
    assert order_of(as_customer, number)["status"] == "pending"


def test_a_shipped_order_cannot_be_cancelled(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(price="0.00", stock=5)
    number = place_order(as_customer, product)["number"]
    assert as_staff.post(f"{ORDERS}{number}/fulfil/", {"status": "shipped"}).status_code == 200
    for client in (as_customer, as_staff):
        assert refusal(client.post(f"{ORDERS}{number}/cancel/", {}), 409) == ("order_not_cancellable", None)
    assert stock_of(product) == 4


def test_an_order_of_zero_is_cancelled_without_a_refund(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(price="0.00", stock=5)
    order = cancel(as_customer, place_order(as_customer, product)["number"])
    assert (order["status"], order["refunds"]) == ("cancelled", [])
    assert stock_of(product) == 5


def test_a_cancel_closes_the_intent_at_stripe(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product())["number"]
    open_payment(as_customer, number)
    order = cancel(as_customer, number)
    assert [intent["status"] for intent in simulator.state()["payment_intents"]] == ["canceled"]
    deliver(simulator)
    assert order_of(as_customer, number) == order
    assert events_of(order) == [("placed", "customer"), ("cancelled", "customer")]


def test_a_paid_order_is_refunded_when_it_is_cancelled(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(price="10.00", stock=5)
    number = place_order(as_customer, product)["number"]
    pay(as_customer, simulator, number)
    order = cancel(as_customer, number)
    assert (order["status"], order["payment_status"]) == ("cancelled", "refunded")
    assert [(refund["amount"], refund["status"]) for refund in order["refunds"]] == [("10.00", "succeeded")]
    deliver(simulator)
    assert order_of(as_customer, number) == order
    assert stock_of(product) == 5
    assert len(simulator.state()["refunds"]) == 1


def test_a_payment_that_the_shop_has_not_heard_of_is_refunded_too(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product(price="10.00"))["number"]
    simulator.pay(open_payment(as_customer, number)["payment_intent"])
    order = cancel(as_customer, number)
    assert (order["status"], order["payment_status"]) == ("cancelled", "refunded")
    assert [event for event, _ in events_of(order)] == ["placed", "paid", "cancelled", "refunded"]
    assert Payment.objects.get().refundable == 0


def test_an_order_whose_payment_is_being_processed_cannot_be_cancelled_yet(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    simulator.pay(intent, "pm_usBankAccount_processing")
    # Whether its event was delivered or not.
    for _ in range(2):
        refused = as_customer.post(f"{ORDERS}{number}/cancel/", {})
        assert refusal(refused, 409) == ("order_not_cancellable", None)
        assert order_of(as_customer, number)["payment_status"] == "processing"
        deliver(simulator)
    assert stock_of(product) == 4
    simulator.finish_processing(intent, success=False)
    deliver(simulator)
    assert cancel(as_customer, number)["status"] == "cancelled"
    assert stock_of(product) == 5


def test_a_cancel_while_stripe_is_away_is_a_503_and_cancels_nothing(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    open_payment(as_customer, number)
    simulator.fail("refuse")
    as_customer.raise_request_exception = False
    reply = as_customer.post(f"{ORDERS}{number}/cancel/", {})
    assert refusal(reply, 503) == ("payment_service_unavailable", None)
    assert int(reply["Retry-After"]) >= 1
    assert (order_of(as_customer, number)["status"], stock_of(product)) == ("pending", 4)
    simulator.clear_faults()
    assert cancel(as_customer, number)["status"] == "cancelled"
    assert stock_of(product) == 5


def test_an_order_without_payment_is_cancelled_without_calling_stripe(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product())["number"]
    assert cancel(as_customer, number)["status"] == "cancelled"
    assert simulator.counters()["calls"] == {}
    assert Order.objects.get().payment is None
