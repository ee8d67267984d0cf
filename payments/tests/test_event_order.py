"""Events in any order, repeated or late, lead to the same state."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from catalog.models import Product
from orders.models import Order
from payments import events as inbox
from payments import gateway, transitions
from payments.models import Payment, Refund, StripeEvent
from payments.transitions import apply_intent
from shop import jobs
from shop.dev.stripe_simulator import ApiError, StripeSimulator
from shop.dev.testing.steps import events_of, order_of, place_order, run_concurrently
from shop.dev.testing.stripe_steps import deliver, events, open_payment, post_event

pytestmark = pytest.mark.django_db

CHANGED = ("orders_order", "payments_payment", "payments_refund", "shop_job")
Restore = Callable[[], None]


@pytest.fixture
def intent(as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator) -> str:
    """The PaymentIntent of an unpaid order."""
    number = place_order(as_customer, make_product(price="10.00"))["number"]
    return open_payment(as_customer, number)["payment_intent"]


@pytest.fixture
def begin_again(intent: str) -> Restore:
    """Return a function that restores everything that events change."""
    database = connection.database
    now = {name: list(database[name].find()) for name in CHANGED}

    def restore() -> None:
        for name, documents in now.items():
            database[name].delete_many({})
            if documents:
                database[name].insert_many(documents)

    return restore


def test_every_order_of_a_payments_events_ends_paid_once(
    simulator: StripeSimulator, intent: str, begin_again: Restore
) -> None:
    with pytest.raises(ApiError):
        simulator.pay(intent, "pm_card_chargeDeclined")
    simulator.pay(intent, "pm_card_authenticationRequired")
    simulator.pay(intent, "pm_usBankAccount_processing")
    simulator.finish_processing(intent)
    names = ("created", "payment_failed", "requires_action", "processing", "succeeded")
    recorded = events(simulator, *(f"payment_intent.{name}" for name in names))
    assert [event["type"].partition(".")[2] for event in recorded] == list(names)

    created, *changes = recorded
    for n, arrived in enumerate(itertools.permutations(changes)):
        arrival = (created, *arrived) if n % 2 else (*arrived, created)
        begin_again()
        for event in arrival:
            transitions.apply_intent(event["data"]["object"])
        told = [event["type"] for event in arrival]
        order, payment = Order.objects.get(), Payment.objects.get()
        assert (order.status, order.payment_status, order.expires_at) == ("completed", "paid", None), told
        assert [entry.event for entry in order.timeline].count("paid") == 1, told
        assert order.timeline[-1].event == "paid", told
        assert (payment.status, payment.amount_received, payment.refundable) == ("succeeded", 1000, 1000), told
        waiting = [(job.kind, job.payload.get("event")) for job in jobs.Job.objects.all()]
        # Whether a failure is still the latest is decided when its mail is sent.
        waiting = [each for each in waiting if each != ("orders.mail", "payment_failed")]
        assert {*waiting} == {("orders.mail", "placed"), ("orders.mail", "paid"), ("catalog.count_sales", None)}, told
        assert len(waiting) == 3, told


@pytest.mark.parametrize(("won", "ends"), [(True, "paid"), (False, "disputed")])
def test_a_dispute_may_be_heard_of_before_the_payment(
    simulator: StripeSimulator, intent: str, begin_again: Restore, won: bool, ends: str
) -> None:
    simulator.pay(intent)
    simulator.close_dispute(simulator.dispute(intent)["id"], won=won)
    recorded = events(simulator, "payment_intent.succeeded", "charge.dispute.created", "charge.dispute.closed")
    assert len(recorded) == 3
    for n, arrival in enumerate(itertools.permutations(recorded)):
        begin_again()
        for event in arrival:
            assert post_event({**event, "id": f"{event['id']}_{n}"}).status_code == 200
        told = [event["type"] for event in arrival]
        order = Order.objects.get()
        assert (order.status, order.payment_status, order.expires_at) == ("completed", ends, None), told
        assert sorted(entry.event for entry in order.timeline) == sorted(
            ["placed", "paid", "disputed", "dispute_won" if won else "dispute_lost"]
        ), told


def test_a_refund_may_be_heard_of_before_the_payment(
    simulator: StripeSimulator, intent: str, begin_again: Restore
) -> None:
    simulator.pay(intent)
    simulator.refund(intent, 400)
    recorded = events(simulator, "payment_intent.succeeded", "refund.created", "charge.refunded")
    assert len(recorded) == 3
    for n, arrival in enumerate(itertools.permutations(recorded)):
        begin_again()
        for event in arrival:
            assert post_event({**event, "id": f"{event['id']}_{n}"}).status_code == 200
        jobs.run_due()
        told = [event["type"] for event in arrival]
        order, payment = Order.objects.get(), Payment.objects.get()
        assert (order.status, order.payment_status) == ("completed", "partially_refunded"), told
        assert (payment.refundable, Refund.objects.count()) == (600, 1), told
        assert sorted(entry.event for entry in order.timeline) == ["paid", "placed", "refunded"], told


def test_a_refunds_events_in_any_order_end_failed(
    simulator: StripeSimulator, intent: str, begin_again: Restore
) -> None:
    simulator.pay(intent)
    simulator.fail_refund(simulator.refund(intent, 400)["id"])
    types = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
    recorded = events(simulator, *types)
    assert len(recorded) == 4
    for arrival in itertools.permutations(recorded):
        begin_again()
        transitions.apply_intent(events(simulator, "payment_intent.succeeded")[0]["data"]["object"])
        for event in arrival:
            transitions.apply_refund(event["data"]["object"])
        told = [event["type"] for event in arrival]
        order, payment = Order.objects.get(), Payment.objects.get()
        assert (order.payment_status, payment.refundable) == ("paid", 1000), told
        assert [refund.status for refund in Refund.objects.all()] == ["failed"], told


def test_a_late_failure_does_not_undo_a_payment(
    as_customer: APIClient, simulator: StripeSimulator, intent: str
) -> None:
    with pytest.raises(ApiError):
        simulator.pay(intent, "pm_card_chargeDeclined")
    simulator.pay(intent)
    for event in events(simulator)[::-1]:
        assert post_event(event).status_code == 200
    order = order_of(as_customer, Order.objects.get().number)
    assert order["payment_status"] == "paid"
    assert events_of(order) == [("placed", "customer"), ("paid", "stripe")]


def test_an_intent_that_is_cancelled_while_the_order_waits_for_the_bank_ends_the_wait(
    as_customer: APIClient, simulator: StripeSimulator, intent: str
) -> None:
    simulator.pay(intent, "pm_usBankAccount_processing")
    processing: dict[str, Any] = events(simulator, "payment_intent.processing")[0]
    post_event(processing)
    assert Order.objects.get().payment_status == "processing"
    cancelled = {**processing["data"]["object"], "status": "canceled"}
    for _ in range(2):
        post_event(simulator.make_event("payment_intent.canceled", cancelled))
    order = order_of(as_customer, Order.objects.get().number)
    assert (order["status"], order["payment_status"]) == ("pending", "failed")
    assert [event for event, _ in events_of(order)] == ["placed", "payment_processing", "payment_failed"]


def test_one_decline_is_one_line_however_often_it_is_reported(
    as_customer: APIClient, simulator: StripeSimulator, intent: str
) -> None:
    number = Order.objects.get().number
    for _ in range(2):
        with pytest.raises(ApiError):
            simulator.pay(intent, "pm_card_chargeDeclined")
    deliver(simulator)
    jobs.run_due()
    once = order_of(as_customer, number)
    assert events_of(once) == [("placed", "customer"), ("payment_failed", "stripe"), ("payment_failed", "stripe")]
    (first, _) = events(simulator, "payment_intent.payment_failed")
    inbox.replay(StripeEvent.objects.get(pk=first["id"]))
    post_event(simulator.twin(first["id"]))
    jobs.run_due()
    assert order_of(as_customer, number) == once


def test_the_last_fifty_attempts_are_remembered(simulator: StripeSimulator, intent: str) -> None:
    earlier = [f"ch_{number}" for number in range(50)]
    Payment.objects.update(declined=earlier)
    with pytest.raises(ApiError):
        simulator.pay(intent, "pm_card_chargeDeclined")
    deliver(simulator)
    *kept, newest = Payment.objects.get().declined
    assert kept == earlier[1:]
    assert newest not in earlier


def test_attempts_with_one_card_are_distinguished_by_their_charges(simulator: StripeSimulator, intent: str) -> None:
    with pytest.raises(ApiError):
        simulator.pay(intent, "pm_card_chargeDeclined")
    deliver(simulator)
    (declined,) = simulator.state()["payment_intents"]
    declined["last_payment_error"]["charge"] = "ch_another"
    for _ in range(2):
        apply_intent(declined)
    assert Payment.objects.get().declines == 2


def test_a_known_attempt_is_a_new_state_only_in_an_answer(simulator: StripeSimulator, intent: str) -> None:
    with pytest.raises(ApiError):
        simulator.pay(intent, "pm_card_chargeDeclined")
    deliver(simulator)
    (declined,) = simulator.state()["payment_intents"]
    Order.objects.update(payment_status="processing")
    apply_intent(declined)
    assert Order.objects.get().payment_status == "processing"
    apply_intent(declined, as_of=Payment.objects.get().revision)
    assert Order.objects.get().payment_status == "failed"


def test_an_answer_older_than_a_concurrent_event_is_requested_again(
    as_customer: APIClient, simulator: StripeSimulator, intent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = gateway.retrieve_intent
    answered, told = threading.Event(), threading.Event()

    def ask_and_wait(name: str) -> dict[str, Any]:
        answer = ask(name)
        if not answered.is_set():
            answered.set()
            assert told.wait(10)
        return answer

    monkeypatch.setattr(gateway, "retrieve_intent", ask_and_wait)
    simulator.pay(intent, "pm_usBankAccount_processing")
    (processing,) = events(simulator, "payment_intent.processing")

    def deliver_failure() -> None:
        assert answered.wait(10)
        simulator.finish_processing(intent, success=False)
        assert post_event(events(simulator, "payment_intent.payment_failed")[0]).status_code == 200
        told.set()

    run_concurrently(lambda: post_event(processing), deliver_failure)
    jobs.run_due()
    order = order_of(as_customer, Order.objects.get().number)
    assert order["payment_status"] == "failed"
    assert [event for event, _ in events_of(order)] == ["placed", "payment_processing", "payment_failed"]
