"""A purchase against localstripe, an independent imitation of Stripe."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from catalog.models import Product
from payments.models import Payment, StripeEvent
from shop.dev.mongod import free_port
from shop.dev.processes import spawn
from shop.dev.testing.steps import events_of, order_of, place_order, stock_of
from shop.dev.testing.stripe_steps import open_payment

pytestmark = pytest.mark.django_db(transaction=True)

PROGRAM = Path(sys.executable).with_name("localstripe")


@pytest.fixture
def localstripe(live_server: Any, settings: Any) -> Iterator[Callable[..., dict]]:
    """A call of a fresh localstripe that the shop uses and that delivers to it."""
    port = free_port()
    # The tests hide packages that it needs by PYTHONPATH.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = spawn([str(PROGRAM), "--port", str(port), "--from-scratch"], stdout=subprocess.DEVNULL, env=environment)
    base = f"http://127.0.0.1:{port}"

    def call(path: str, **kwargs: Any) -> dict:
        reply = requests.post(base + path, auth=(settings.STRIPE_SECRET_KEY, ""), timeout=10, **kwargs)
        assert reply.ok, reply.text
        return reply.json() if reply.content else {}

    webhook = {
        "url": f"{live_server.url}/api/v1/payments/webhook/",
        "secret": settings.STRIPE_WEBHOOK_SECRET,
        "events": ["payment_intent.succeeded", "payment_intent.payment_failed"],
    }
    try:
        give_up_at = time.monotonic() + 20
        while True:
            try:
                requests.post(f"{base}/_config/webhooks/shop", json=webhook, timeout=5).raise_for_status()
                break
            except requests.ConnectionError:
                assert process.poll() is None, "localstripe ended at its start"
                assert time.monotonic() < give_up_at
                time.sleep(0.05)
        settings.STRIPE_API_BASE = base
        yield call
    finally:
        process.kill()
        process.wait(10)


def test_a_purchase_with_another_stripe_ends_paid(
    as_customer: Any, make_product: Callable[..., Product], localstripe: Callable[..., dict]
) -> None:
    product = make_product("Mug", price="12.50", stock=5)
    number = place_order(as_customer, product, 2)["number"]
    payment = open_payment(as_customer, number)
    assert (payment["amount"], payment["status"]) == (2500, "requires_payment_method")

    intent = f"/v1/payment_intents/{payment['payment_intent']}"
    localstripe(intent, data={"payment_method": "pm_card_visa"})
    assert localstripe(f"{intent}/confirm")["status"] == "succeeded"

    give_up_at = time.monotonic() + 10
    while (order := order_of(as_customer, number))["payment_status"] != "paid":
        assert time.monotonic() < give_up_at, list(StripeEvent.objects.values("type", "status", "detail"))
        time.sleep(0.05)
    assert (order["status"], order["total"], order["expires_at"]) == ("completed", "25.00", None)
    assert events_of(order) == [("placed", "customer"), ("paid", "stripe")]
    assert stock_of(product) == 3
    assert (Payment.objects.get().amount_received, Payment.objects.get().intent) == (2500, payment["payment_intent"])
