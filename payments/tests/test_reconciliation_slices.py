"""Reconciliation reads many payments at once, in slices, and none keeps the others from it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.models import User
from conftest import client_of
from orders.models import Order
from payments import reconciliation, refunds
from payments.models import Payment, Refund
from payments.reconciliation import reconcile
from shop import jobs
from shop.db import documents
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.commands import count_commands
from shop.dev.testing.reconciliation import reconcile_all
from shop.dev.testing.tasks import run_task
from shop.jobs import PeriodicTask, timing

pytestmark = pytest.mark.django_db(transaction=True)


def test_many_refunds_that_were_never_sent_are_sent_in_slices(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    as_customer: APIClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment = order_with_payment(as_customer)
    for _ in range(4):
        row = Refund(payment=payment, amount=1, status="pending", actor="staff", currency="usd")
        row.save()
    queued = Refund.objects.earliest("pk")
    jobs.Job.objects.all().delete()
    refunds.send_refund.enqueue(refund=str(queued.pk))
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    now = timezone.now()
    found = [len(report.repaired) for report in reconcile(since=now, until=now + timedelta(hours=1))]
    assert [count for count in found if count] == [1, 1, 1]
    sent = jobs.Job.objects.filter(kind="payments.send_refund")
    assert sorted(job.payload["refund"] for job in sent) == [
        str(pk) for pk in Refund.objects.values_list("pk", flat=True).order_by("pk")
    ]


def test_payments_without_news_are_compared_by_the_list_alone(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    make_user: Callable[..., User],
) -> None:
    simulator.deliver(mode="off")
    for _ in range(5):
        simulator.pay(payment_intent=order_with_payment(client_of(make_user())).intent)
    reconcile_all()
    before = Counter(simulator.counters()["calls"])
    assert reconcile_all().payments == 5
    assert {call for call, count in simulator.counters()["calls"].items() if count != before[call]} == {
        "GET /v1/payment_intents"
    }


def test_payments_without_news_are_read_together(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    make_user: Callable[..., User],
) -> None:
    simulator.deliver(mode="off")

    def commands() -> int:
        simulator.pay(payment_intent=order_with_payment(client_of(make_user())).intent)
        reconcile_all()
        with count_commands() as commands:
            assert reconcile_all().repaired == []
        return len(commands)

    assert commands() == commands() == commands()


def test_a_payment_that_cannot_be_compared_does_not_keep_the_others_from_it(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], make_user: Callable[..., User]
) -> None:
    simulator.deliver(mode="off")
    paid, *broken = (order_with_payment(client_of(make_user())) for _ in range(3))
    for payment in (paid, *broken):
        simulator.pay(payment_intent=payment.intent)
    documents.delete_many(Order, {"payment": {"$in": [payment.pk for payment in broken]}})
    # Listed, and looked up.
    Payment.objects.filter(pk=broken[1].pk).update(created_at=timezone.now() - timedelta(minutes=50))

    report = reconcile_all()

    assert Order.objects.get(payment=paid.pk).payment_status == "paid"
    assert len(report.problems) == 2
    assert all("was not compared: DoesNotExist" in problem for problem in report.problems)


def test_the_worker_compares_in_slices_and_continues_after_the_last_payment(
    simulator: StripeSimulator,
    order_with_payment: Callable[[APIClient], Payment],
    make_user: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulator.deliver(mode="off")
    monkeypatch.setattr(reconciliation, "MIN_AGE", -timedelta(hours=1))
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    payments = [order_with_payment(client_of(make_user())) for _ in range(4)]
    for payment in payments:
        simulator.pay(payment_intent=payment.intent)
    # One whose response was lost, and one of which Stripe knows nothing.
    Payment.objects.filter(pk=payments[1].pk).update(intent="", client_secret="", status="")
    with simulator.account.session() as session:
        intent = session.get("payment_intent", payments[2].intent)
        session.store.save({**intent, "metadata": {}})
    Payment.objects.filter(pk=payments[2].pk).update(intent="pi_gone")

    def paid() -> list[bool]:
        return [Order.objects.get(payment=payment.pk).payment_status == "paid" for payment in payments]

    # Stripe lists the newest first.
    run_task("payments.reconcile", slices=1)
    assert paid() == [False, False, False, True]
    with capture_logs() as logs:
        run_task("payments.reconcile")
    assert paid() == [True, True, False, True]
    findings = [line["finding"] for line in logs if line["event"].startswith("reconciliation_")]
    assert len(findings) == 3
    assert sum("pi_gone" in finding for finding in findings) == 1
    assert PeriodicTask.objects.get(name="payments.reconcile").cursor is None
    with capture_logs() as logs:
        run_task("payments.reconcile")
    assert [line["finding"] for line in logs if line["event"] == "reconciliation_repaired"] == []


def test_the_parts_of_a_long_window_leave_nothing_out(
    simulator: StripeSimulator, order_with_payment: Callable[[APIClient], Payment], as_customer: APIClient
) -> None:
    simulator.deliver(mode="off")
    payment = order_with_payment(as_customer)
    simulator.pay(payment_intent=payment.intent)
    now = timezone.now()
    for until in (timedelta(hours=2), timedelta(hours=30)):
        reports = list(reconcile(since=now - timedelta(days=3), until=now + until))
        assert sum(report.intents for report in reports) == 1
        assert sum(report.payments for report in reports) == 1
    assert Order.objects.get().payment_status == "paid"
