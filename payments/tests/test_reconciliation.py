"""Reconciliation finds payments whose webhooks were lost, once."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from conftest import client_of
from orders.models import Order
from payments import reconciliation
from payments.models import Payment, Refund
from shop import audit, jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.reconciliation import reconcile_all
from shop.dev.testing.tasks import run_due_tasks, run_task
from shop.jobs import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_order_whose_webhook_was_lost_is_paid_once(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    make_user: Callable[..., User],
) -> None:
    simulator.deliver(mode="off")
    payments = [order_with_payment(client_of(make_user())) for _ in range(5)]
    for payment in payments:
        simulator.pay(payment_intent=payment.intent, payment_method="pm_card_visa")
    assert set(Order.objects.values_list("payment_status", flat=True)) == {"unpaid"}

    first, second = reconcile_all(), reconcile_all()

    assert len(first.repaired) == 5
    assert first.problems == []
    assert (second.repaired, second.problems) == ([], [])
    for order in Order.objects.all():
        assert (order.status, order.payment_status) == ("completed", "paid")
        assert [entry.event for entry in order.timeline] == ["placed", "paid"]
    assert audit.violations() == []


def test_a_refund_made_in_the_dashboard_is_found(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient
) -> None:
    simulator.deliver(mode="off")
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent, payment_method="pm_card_visa")
    reconcile_all()
    simulator.refund(payment=payment.intent, amount=500)

    assert len(reconcile_all().repaired) == 1
    assert reconcile_all().repaired == []
    order = Order.objects.get()
    assert (order.payment_status, len(order.refunds)) == ("partially_refunded", 1)
    assert audit.violations() == []


def test_an_intent_whose_answer_was_lost_is_found_by_its_metadata(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient
) -> None:
    simulator.deliver(mode="off")
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent, payment_method="pm_card_visa")
    Payment.objects.update(intent="", client_secret="", status="")

    assert len(reconcile_all().repaired) == 1
    payment.refresh_from_db()
    assert payment.intent.startswith("pi_")
    assert Order.objects.get().payment_status == "paid"


@pytest.mark.parametrize("news", ["refund", "dispute"])
def test_what_followed_an_intent_whose_answer_was_lost_is_found(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient, news: str
) -> None:
    simulator.deliver(mode="off")
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent)
    if news == "refund":
        simulator.refund(payment=payment.intent, amount=500)
    else:
        simulator.dispute(payment.intent)
    Payment.objects.update(intent="", client_secret="", status="")

    first, second = reconcile_all(), reconcile_all()

    assert (len(first.repaired), first.problems) == (1, [])
    assert (second.repaired, second.problems) == ([], [])
    expected = {"refund": "partially_refunded", "dispute": "disputed"}[news]
    assert Order.objects.get().payment_status == expected
    assert audit.violations() == []


def test_a_refunded_intent_that_does_not_match_its_order_does_not_end_the_run(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], make_user: Callable[..., User]
) -> None:
    simulator.deliver(mode="off")
    # Stripe lists the newest first.
    matching, other = (order_with_payment(client_of(make_user())) for _ in range(2))
    for payment in (matching, other):
        simulator.pay(payment_intent=payment.intent)
    simulator.refund(payment=other.intent, amount=500)
    Payment.objects.filter(pk=other.pk).update(intent="", client_secret="", status="", amount=other.amount + 1)

    (problem,) = reconcile_all().problems

    assert f"{other.intent} has the amount {other.amount}" in problem
    assert Order.objects.get(payment=matching.pk).payment_status == "paid"
    assert Order.objects.get(payment=other.pk).payment_status == "unpaid"


def test_a_payment_without_order_and_an_order_without_payment_are_reported(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    as_customer: APIClient,
    capsys: pytest.CaptureFixture,
) -> None:
    simulator.deliver(mode="off")
    lost = order_with_payment(as_customer)
    simulator.pay(payment_intent=lost.intent, payment_method="pm_card_visa")
    Payment.objects.filter(pk=lost.pk).delete()
    Order.objects.update(status="completed", payment_status="paid", expires_at=None)

    with pytest.raises(CommandError):
        call_command("reconcile_payments", settling_minutes=-60)

    told = capsys.readouterr().out
    assert f"without an order: {lost.order_number}" in told
    assert "has no payment at Stripe" in told


def test_an_intent_that_stripe_does_not_know_does_not_keep_the_others_from_being_compared(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    make_user: Callable[..., User],
) -> None:
    simulator.deliver(mode="off")
    gone, paid = (order_with_payment(client_of(make_user())) for _ in range(2))
    simulator.pay(payment_intent=paid.intent)
    with simulator.account.session() as session:
        intent = session.get("payment_intent", gone.intent)
        session.store.save({**intent, "metadata": {}})
    Payment.objects.filter(pk=gone.pk).update(intent="pi_gone")
    report = reconcile_all()
    assert len(report.repaired) == 1
    assert [problem for problem in report.problems if "pi_gone" in problem]
    assert Order.objects.get(payment=paid.pk).payment_status == "paid"


def test_a_payment_that_has_not_succeeded_at_stripe_is_reported(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient
) -> None:
    payment = order_with_payment(as_customer)
    Payment.objects.update(status="succeeded", amount_received=payment.amount)
    Order.objects.update(status="completed", payment_status="paid", expires_at=None)
    (problem,) = reconcile_all().problems
    assert "is succeeded here, but requires_payment_method at Stripe" in problem


def test_a_refund_that_stripe_does_not_know_is_reported(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient
) -> None:
    simulator.deliver(mode="off")
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent)
    reconcile_all()
    Refund.objects.create(payment=payment, amount=100, status="succeeded", stripe_refund="re_nowhere", actor="staff")
    (problem,) = reconcile_all().problems
    assert "Stripe does not know the refund re_nowhere" in problem


def test_a_refund_that_was_given_up_is_sent_after_all(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient
) -> None:
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent)
    reconcile_all()
    simulator.fail("refuse", prefix="/v1/refunds", method="POST")
    number = Order.objects.get().number
    assert as_customer.post(f"/api/v1/orders/{number}/cancel/", {}).status_code == 200
    for _ in range(jobs.MAX_ATTEMPTS):
        jobs.Job.objects.filter(given_up_at=None).update(run_at=timezone.now())
        jobs.run_due()
    assert jobs.Job.objects.exclude(given_up_at=None).count() == 1
    Refund.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert [violation for violation in audit.violations() if "no job will send it" in violation]
    simulator.clear_faults()
    for _ in range(2):
        reconcile_all()
        jobs.run_due()
    assert [refund["status"] for refund in simulator.state()["refunds"]] == ["succeeded"]
    assert Order.objects.get().payment_status == "refunded"
    assert audit.violations() == []


def test_a_dispute_that_was_not_heard_of_is_found(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient
) -> None:
    simulator.deliver(mode="off")
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent)
    reconcile_all()
    simulator.dispute(payment.intent)
    assert len(reconcile_all().repaired) == 1
    assert Order.objects.get().payment_status == "disputed"
    assert reconcile_all().repaired == []


def test_an_intent_that_stripe_forgot_does_not_stop_the_worker(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    as_customer: APIClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulator.deliver(mode="off")
    monkeypatch.setattr(reconciliation, "MIN_AGE", -timedelta(hours=1))
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent)
    start = reconciliation._start(timezone.now() - timedelta(hours=1), None)
    cursor = {**asdict(start), "intent": "pi_gone"}
    PeriodicTask.objects.create(name="payments.reconcile", due_at=timezone.now(), cursor=cursor)
    run_task("payments.reconcile")
    task = PeriodicTask.objects.get(name="payments.reconcile")
    assert (task.cursor, task.failures) == (None, 0)
    assert Order.objects.get().payment_status == "paid"


def test_the_worker_says_what_it_found(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    as_customer: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.deliver(mode="off")
    monkeypatch.setattr(reconciliation, "MIN_AGE", -timedelta(hours=1))
    lost = order_with_payment(as_customer)
    simulator.pay(payment_intent=lost.intent)
    Payment.objects.all().delete()
    run_due_tasks()
    assert any("without an order" in record.getMessage() for record in caplog.records)


def test_stripe_away_is_a_sentence(simulator: StripeSimulator, settings: Any, db: None) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="is unavailable"):
        call_command("reconcile_payments")
