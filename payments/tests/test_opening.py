"""Opening a payment: one PaymentIntent per order, for those who may pay it."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders.models import Order, ShippingMethod
from payments.models import Payment
from shop import audit
from shop.db import documents
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, order_of, place_order, run_concurrently
from shop.dev.testing.stripe_steps import open_payment, pay

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

PAYMENTS = f"{API}/payments/"


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="12.50", stock=50)


def test_the_configuration_is_open_to_all_and_holds_no_secret(anonymous: APIClient) -> None:
    reply = anonymous.get(f"{PAYMENTS}config/")
    assert (reply.status_code, reply.json()) == (200, {"publishable_key": "pk_test_simulator", "currency": "usd"})


@pytest.mark.parametrize(
    ("currency", "price", "amount"),
    [
        ("jpy", "1999", 3998),
        ("kwd", "1.230", 2460),
        ("isk", "500", 100000),
        ("ugx", "9000", 1800000),
        ("huf", "999.50", 199900),
    ],
)
def test_a_shop_in_another_currency_is_paid_and_refunded_in_stripes_units(
    as_customer: APIClient,
    as_staff: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
    settings: Any,
    currency: str,
    price: str,
    amount: int,
) -> None:
    settings.CURRENCY = currency
    number = place_order(as_customer, make_product(price=price, stock=5), 2)["number"]
    payment = pay(as_customer, simulator, number)
    assert (payment["amount"], payment["currency"]) == (amount, currency)
    assert as_staff.post(f"{PAYMENTS}{payment['id']}/refunds/", {"amount": price}).status_code == 201
    assert [refund["amount"] for refund in simulator.state()["refunds"]] == [amount // 2]
    assert order_of(as_customer, number)["refunds"][0]["amount"] == price
    assert audit.violations() == []


def test_an_order_is_paid_by_its_number_in_small_letters(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    reply = as_customer.post(PAYMENTS, {"order": f" {number.lower()}\u200b"})
    assert (reply.status_code, reply.json()["order"]) == (201, number)


def test_a_payment_is_opened_once_and_shown_from_then_on(
    as_customer: APIClient, product: Product, shipping: ShippingMethod, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product, 2)["number"]
    first = as_customer.post(PAYMENTS, {"order": number})
    (intent,) = simulator.state()["payment_intents"]
    assert first.status_code == 201
    payment = dict(first.json())
    assert payment.pop("customer_session_client_secret").startswith("cuss_secret_")
    assert payment == {
        "id": str(Payment.objects.get().pk),
        "order": number,
        "payment_intent": intent["id"],
        "client_secret": intent["client_secret"],
        "publishable_key": "pk_test_simulator",
        "amount": 2990,
        "currency": "usd",
        "status": "requires_payment_method",
    }
    assert (intent["amount"], intent["currency"]) == (2990, "usd")
    assert intent["metadata"] == {"order": number, "payment": payment["id"]}

    again = as_customer.post(PAYMENTS, {"order": number})
    assert (again.status_code, again.json()) == (200, first.json())
    assert as_customer.get(f"{PAYMENTS}{payment['id']}/").json() == first.json()
    assert order_of(as_customer, number)["payment"] == payment["id"]
    assert len(simulator.state()["payment_intents"]) == Payment.objects.count() == 1


def test_a_payment_that_the_previous_release_opened_stays_the_only_one(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    opened = open_payment(as_customer, number)
    new = {"part": "", "former_amounts": "", "amount_sent": ""}
    documents.collection_of(Payment)[0].update_one({}, {"$unset": new})
    again = as_customer.post(PAYMENTS, {"order": number})
    assert (again.status_code, again.json()["payment_intent"]) == (200, opened["payment_intent"])
    assert Payment.objects.count() == len(simulator.state()["payment_intents"]) == 1


def test_ten_requests_at_once_open_one_intent(customer: User, product: Product, simulator: StripeSimulator) -> None:
    number = place_order(client_of(customer), product)["number"]

    def one() -> Callable[[], Any]:
        client = client_of(customer)
        return lambda: client.post(PAYMENTS, {"order": number})

    replies = run_concurrently(*[one() for _ in range(10)])

    assert sorted(reply.status_code for reply in replies) == [200] * 9 + [201]
    assert len({(reply.json()["id"], reply.json()["payment_intent"]) for reply in replies}) == 1
    assert len(simulator.state()["payment_intents"]) == Payment.objects.count() == 1


def test_who_comes_while_stripe_is_slow_waits_for_the_same_answer(
    customer: User, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(client_of(customer), product)["number"]
    simulator.fail("slow", times=1, seconds=1.2, method="POST")

    def one() -> Callable[[], Any]:
        client = client_of(customer)
        return lambda: client.post(PAYMENTS, {"order": number})

    replies = run_concurrently(one(), one(), one())
    assert sorted(reply.status_code for reply in replies) == [200, 200, 201]
    assert len({reply.json()["payment_intent"] for reply in replies}) == 1
    assert len(simulator.state()["payment_intents"]) == 1


def test_another_user_s_order_is_the_404_of_no_order(
    as_customer: APIClient, as_stranger: APIClient, as_staff: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    nothing = as_stranger.post(PAYMENTS, {"order": "AAAAA-AAAAA"})
    assert refusal(nothing, 404) == ("not_found", None)
    for client in (as_stranger, as_staff):
        foreign = client.post(PAYMENTS, {"order": number})
        assert (foreign.status_code, foreign.content) == (404, nothing.content)
    assert not Payment.objects.exists()
    assert simulator.counters()["calls"] == {}


def test_another_user_s_payment_is_the_404_of_no_payment(
    as_customer: APIClient, as_stranger: APIClient, as_staff: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    payment = open_payment(as_customer, place_order(as_customer, product)["number"])
    nothing = as_stranger.get(f"{PAYMENTS}{'0' * 24}/")
    foreign = as_stranger.get(f"{PAYMENTS}{payment['id']}/")
    assert refusal(nothing, 404) == ("not_found", None)
    assert (foreign.status_code, foreign.content) == (404, nothing.content)
    assert as_staff.get(f"{PAYMENTS}{payment['id']}/").json() == {
        **payment,
        "client_secret": "",
        "customer_session_client_secret": "",
    }


@pytest.mark.parametrize("body", [{}, {"order": None}, {"order": ""}, {"order": {"$gt": ""}}, {"order": "x" * 33}])
def test_a_malformed_order_is_a_400(as_customer: APIClient, body: dict) -> None:
    assert refusal(as_customer.post(PAYMENTS, body), 400)[1] == "order"


def test_payments_require_a_login(anonymous: APIClient) -> None:
    assert refusal(anonymous.post(PAYMENTS, {"order": "AAAAA-AAAAA"}), 401) == ("not_authenticated", None)
    assert refusal(anonymous.get(f"{PAYMENTS}{'0' * 24}/"), 401) == ("not_authenticated", None)


def test_paid_and_cancelled_orders_cannot_be_paid(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    paid = place_order(as_customer, product)["number"]
    pay(as_customer, simulator, paid)
    cancelled = place_order(as_customer, product)["number"]
    as_customer.post(f"{API}/orders/{cancelled}/cancel/", {})
    before = dump_database()
    for number in (paid, cancelled):
        assert refusal(as_customer.post(PAYMENTS, {"order": number}), 409) == ("order_not_payable", None)
    assert dump_database() == before
    assert len(simulator.state()["payment_intents"]) == 1


def test_a_declined_card_leaves_the_same_intent_to_be_paid(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    first = open_payment(as_customer, number)
    with pytest.raises(Exception, match="declined"):
        simulator.pay(first["payment_intent"], "pm_card_chargeDeclined")
    pay(as_customer, simulator, number)
    order = order_of(as_customer, number)
    assert (order["status"], order["payment_status"], order["expires_at"]) == ("completed", "paid", None)
    assert [entry["event"] for entry in order["timeline"]] == ["placed", "payment_failed", "paid"]
    assert Payment.objects.get().intent == first["payment_intent"]


def test_opening_and_cancelling_at_the_same_moment_leave_nothing_to_pay(
    customer: User, product: Product, simulator: StripeSimulator
) -> None:
    from shop import jobs

    for _ in range(6):
        number = place_order(client_of(customer), product)["number"]
        opening, cancelling = client_of(customer), client_of(customer)
        opened, cancelled = run_concurrently(
            lambda client=opening, number=number: client.post(PAYMENTS, {"order": number}),
            lambda client=cancelling, number=number: client.post(f"{API}/orders/{number}/cancel/", {}),
        )
        assert cancelled.status_code == 200
        assert opened.status_code in (200, 201, 409)
    jobs.run_due()
    assert {intent["status"] for intent in simulator.state()["payment_intents"]} <= {"canceled"}
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
