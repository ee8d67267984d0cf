"""``manage.py worker`` as a process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from orders.expiry import expire_due_orders
from orders.mails import order_mail
from orders.models import Order
from payments.models import StripeEvent
from shop import jobs
from shop.db import documents
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import API, order_of, place_order, stock_of
from shop.dev.testing.stripe_steps import events, open_payment
from shop.dev.testing.waiting import wait_until
from shop.jobs import Job, PeriodicTask

pytestmark = pytest.mark.django_db


def worker(*arguments: str) -> tuple[list[str], dict[str, Any]]:
    command = [sys.executable, "manage.py", "worker", *arguments]
    environment = {**os.environ, "MONGO_URI": database_uri(), "STRIPE_API_BASE": settings.STRIPE_API_BASE}
    return command, {"cwd": settings.BASE_DIR, "env": environment, "text": True}


def test_the_worker_does_once_what_is_due_and_ends(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(price="10.00", stock=5)
    expired = place_order(as_customer, product)["number"]
    open_payment(as_customer, expired)
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    paid = place_order(as_customer, product)["number"]
    simulator.pay(open_payment(as_customer, paid)["payment_intent"])
    event = events(simulator, "payment_intent.succeeded")[0]
    StripeEvent.objects.create(
        id=event["id"],
        type=event["type"],
        payload=event,
        created_at=timezone.now(),
        retry_at=timezone.now() - timedelta(seconds=1),
    )

    command, options = worker("--once")
    done = subprocess.run(command, capture_output=True, timeout=60, **options)

    assert done.returncode == 0, done.stderr
    assert order_of(as_customer, expired)["status"] == "cancelled"
    assert order_of(as_customer, paid)["payment_status"] == "paid"
    assert stock_of(product) == 4
    # The job of the payment is done, too.
    assert Product.objects.get().sales == 1
    # Only mails that ask for a payment are left, which are delayed.
    left = Job.objects.values_list("kind", "attempts", "payload__event")
    assert set(left) <= {("orders.mail", 0, "placed")}
    assert all(run_at > timezone.now() for run_at in Job.objects.values_list("run_at", flat=True))
    assert set(PeriodicTask.objects.values_list("name", flat=True)) >= {"orders.expire", "payments.retry_events"}


def test_a_mail_that_a_person_waits_for_is_sent_before_mails_about_many_orders(
    as_customer: APIClient, customer: User, make_product: Callable[..., Product]
) -> None:
    number = place_order(as_customer, make_product())["number"]
    Order.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expire_due_orders()
    (cancellation,) = Job.objects.filter(kind="orders.mail", payload__event="expired")
    others = [order_mail.job(order=cancellation.payload["order"], event="expired") for _ in range(299)]
    documents.insert(*others)

    # Its job looks up the account and enqueues the mail.
    assert as_customer.post(f"{API}/auth/password/reset/", {"email": customer.email}).status_code == 202
    assert jobs.run_due(limit=20, seconds=60) == 2 + 20

    subjects = [sent.subject for sent in mail.outbox]
    assert subjects == ["Choose a new password", *[f"Your order {number} is cancelled"] * 20]
    assert Job.objects.filter(payload__event="expired").count() == 280


def test_the_worker_reports_its_health_and_stops_when_it_is_asked_to(db: None, tmp_path: Path) -> None:
    command, options = worker("--pause", "0.1")
    health = tmp_path / "worker.health"
    options["env"]["WORKER_HEALTH_FILE"] = str(health)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "worker started\n"
        wait_until(health.exists)
        health.unlink()
        # Before each round of work, not only the first.
        wait_until(health.exists)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (0, "worker stopped\n"), err
    finally:
        process.kill()
        process.wait(10)
