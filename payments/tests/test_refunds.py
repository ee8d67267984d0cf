"""Refunds by staff and in Stripe's dashboard, and refunds that fail."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders.models import Order
from payments.models import Payment, Refund
from shop import jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, events_of, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import deliver, open_payment, pay

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_shop_that_is_less_patient_than_usual(settings: Any) -> None:
    settings.STRIPE_TIMEOUT_SECONDS = 1.0


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="10.00", stock=5)


@pytest.fixture
def payment(as_customer: APIClient, product: Product, simulator: StripeSimulator) -> dict[str, Any]:
    """The payment of a paid order over 10.00."""
    return pay(as_customer, simulator, place_order(as_customer, product)["number"])


def refund(client: APIClient, payment: dict[str, Any], amount: Any = None, **body: Any) -> Any:
    body = body if amount is None else {**body, "amount": amount}
    return client.post(f"{API}/payments/{payment['id']}/refunds/", body)


def run_jobs() -> None:
    """Run jobs whose back-off is over."""
    jobs.Job.objects.update(run_at=timezone.now())
    jobs.run_due()


def test_everything_is_refunded_without_an_amount(
    as_staff: APIClient, product: Product, payment: dict, simulator: StripeSimulator
) -> None:
    reply = refund(as_staff, payment, reason="Broken")
    assert reply.status_code == 201
    (at_stripe,) = simulator.state()["refunds"]
    row = Refund.objects.get()
    assert reply.json() == {
        "id": str(row.pk),
        "refund": at_stripe["id"],
        "amount": "10.00",
        "status": "succeeded",
    }
    assert (at_stripe["amount"], at_stripe["metadata"]["refund"], row.reason) == (1000, str(row.pk), "Broken")
    order = order_of(as_staff, payment["order"])
    # A refund alone moves neither stock nor status.
    assert (order["status"], order["payment_status"]) == ("completed", "refunded")
    assert stock_of(product) == 4
    assert events_of(order)[-1] == ("refunded", "staff")
    assert order["timeline"][-1]["detail"] == "10.00 USD"
    deliver(simulator)
    run_jobs()
    assert order_of(as_staff, payment["order"]) == order


def test_parts_go_back_until_nothing_is_left(as_staff: APIClient, payment: dict, simulator: StripeSimulator) -> None:
    for amount, left, status in (("2.50", 750, "partially_refunded"), ("7.00", 50, "partially_refunded")):
        assert refund(as_staff, payment, amount).status_code == 201
        assert Payment.objects.get().refundable == left
        assert order_of(as_staff, payment["order"])["payment_status"] == status
    assert refusal(refund(as_staff, payment, "0.51"), 409) == ("refund_too_large", "amount")
    assert refund(as_staff, payment).json()["amount"] == "0.50"
    order = order_of(as_staff, payment["order"])
    assert order["payment_status"] == "refunded"
    assert [each["amount"] for each in order["refunds"]] == ["2.50", "7.00", "0.50"]
    before = dump_database()
    for body in ({}, {"amount": "0.01"}):
        assert refusal(refund(as_staff, payment, **body), 409) == ("refund_too_large", "amount")
    assert dump_database() == before
    assert sum(each["amount"] for each in simulator.state()["refunds"]) == 1000


def test_a_malformed_amount_is_a_400(as_staff: APIClient, payment: dict, subtests: pytest.Subtests) -> None:
    for amount in ("0", "-1", "0.001", "1.005", "NaN", "x", [], {}, "1" * 40):
        with subtests.test(repr(amount)):
            assert refusal(refund(as_staff, payment, amount), 400)[1] == "amount"
            assert not Refund.objects.exists()


def test_what_was_not_paid_cannot_be_refunded(
    as_customer: APIClient, as_staff: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    unpaid = open_payment(as_customer, place_order(as_customer, product)["number"])
    assert refusal(refund(as_staff, unpaid), 409) == ("not_refundable", None)
    assert refusal(refund(as_staff, {"id": "0" * 24}), 404) == ("not_found", None)


def test_only_staff_with_the_permission_refund(
    as_customer: APIClient, anonymous: APIClient, make_user: Callable[..., User], payment: dict
) -> None:
    clerk = make_user(email="clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_payment"))
    assert refusal(refund(anonymous, payment), 401) == ("not_authenticated", None)
    assert refusal(refund(as_customer, payment), 403) == ("permission_denied", None)
    assert refusal(refund(client_of(clerk), payment), 403) == ("permission_denied", None)
    assert not Refund.objects.exists()


def test_ten_refunds_at_once_never_exceed_what_was_captured(
    staff: User, payment: dict, simulator: StripeSimulator
) -> None:
    def one() -> Callable[[], int]:
        client = client_of(staff)
        return lambda: refund(client, payment, "3.00").status_code

    assert sorted(run_concurrently(*[one() for _ in range(10)])) == [201] * 3 + [409] * 7
    run_jobs()
    assert Payment.objects.get().refundable == 100
    assert [each["amount"] for each in simulator.state()["refunds"]] == [300] * 3
    order = order_of(client_of(staff), payment["order"])
    assert [each["status"] for each in order["refunds"]] == ["succeeded"] * 3


def test_a_refund_of_the_dashboard_shows_on_the_order(
    as_staff: APIClient, payment: dict, simulator: StripeSimulator
) -> None:
    made = simulator.refund(payment["payment_intent"], 400)
    deliver(simulator)
    run_jobs()
    deliver(simulator)
    order = order_of(as_staff, payment["order"])
    assert order["payment_status"] == "partially_refunded"
    assert [(each["amount"], each["status"]) for each in order["refunds"]] == [("4.00", "succeeded")]
    assert events_of(order)[-1] == ("refunded", "stripe")
    assert Refund.objects.get().stripe_refund == made["id"]
    assert refusal(refund(as_staff, payment, "6.01"), 409) == ("refund_too_large", "amount")


def test_a_refund_of_the_dashboard_is_found_though_its_own_event_is_lost(
    as_staff: APIClient, payment: dict, simulator: StripeSimulator
) -> None:
    simulator.refund(payment["payment_intent"], 400)
    deliver(simulator, "charge.refunded")
    run_jobs()
    assert [each["amount"] for each in order_of(as_staff, payment["order"])["refunds"]] == ["4.00"]


def test_a_refund_that_fails_later_frees_its_amount(
    as_staff: APIClient, payment: dict, simulator: StripeSimulator
) -> None:
    first = refund(as_staff, payment).json()
    assert order_of(as_staff, payment["order"])["payment_status"] == "refunded"
    simulator.fail_refund(first["refund"])
    deliver(simulator)
    order = order_of(as_staff, payment["order"])
    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert [each["status"] for each in order["refunds"]] == ["failed"]
    assert Payment.objects.get().refundable == 1000
    assert refund(as_staff, payment, "10.00").status_code == 201
    assert order_of(as_staff, payment["order"])["payment_status"] == "refunded"


def test_a_slow_refund_is_pending_until_the_bank_confirms_it(
    as_customer: APIClient, as_staff: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    simulator.account.later_seconds = 0.05
    number = place_order(as_customer, product)["number"]
    slow = pay(as_customer, simulator, number, "pm_card_pendingRefund")
    assert refund(as_staff, slow, "4.00").json()["status"] == "pending"
    assert order_of(as_staff, number)["payment_status"] == "paid"
    assert refusal(refund(as_staff, slow, "6.01"), 409) == ("refund_too_large", "amount")
    simulator.wait_until_idle(timeout=5)
    deliver(simulator)
    order = order_of(as_staff, number)
    assert (order["payment_status"], order["refunds"][0]["status"]) == ("partially_refunded", "succeeded")
    assert [event for event, _ in events_of(order)].count("refunded") == 1


@pytest.mark.parametrize(
    "outage",
    [
        {"kind": "refuse"},
        {"kind": "rate_limit"},
        {"kind": "garbage"},
        {"kind": "lose_answer"},
        {"kind": "black_hole", "acts": True},
        {"kind": "server_error", "stored": False},
        {"kind": "server_error", "stored": True},
        {"kind": "server_error", "stored": True, "acts": True},
    ],
    ids=lambda outage: "-".join(str(value) for value in outage.values()),
)
def test_while_stripe_is_away_a_refund_is_pending_and_the_worker_ends_it_once(
    as_staff: APIClient, payment: dict, simulator: StripeSimulator, outage: dict[str, Any]
) -> None:
    simulator.fail(**outage, prefix="/v1/refunds", method="POST")
    reply = refund(as_staff, payment, "4.00")
    assert (reply.status_code, reply.json()["status"], reply.json()["refund"]) == (201, "pending", None)
    order = order_of(as_staff, payment["order"])
    assert (order["payment_status"], order["refunds"][0]["status"]) == ("paid", "pending")
    assert Payment.objects.get().refundable == 600
    run_jobs()
    simulator.clear_faults()
    for _ in range(3):
        run_jobs()
    order = order_of(as_staff, payment["order"])
    assert (order["payment_status"], order["refunds"][0]["status"]) == ("partially_refunded", "succeeded")
    assert [each["amount"] for each in simulator.state()["refunds"]] == [400]
    assert not jobs.Job.objects.filter(kind="payments.send_refund").exists()
    deliver(simulator)
    assert Refund.objects.count() == 1


def test_a_refund_that_stripe_refuses_fails_and_is_flagged(
    as_staff: APIClient, payment: dict, simulator: StripeSimulator
) -> None:
    simulator.dispute(payment["payment_intent"])
    reply = refund(as_staff, payment)
    assert (reply.status_code, reply.json()["status"]) == (201, "failed")
    assert Payment.objects.get().refundable == 1000
    assert Order.objects.get().flagged is True
    order = order_of(as_staff, payment["order"])
    assert order["timeline"][-1]["event"] == "flagged"
    assert "charged back" in order["timeline"][-1]["detail"]
