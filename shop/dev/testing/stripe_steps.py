"""Payments at the simulator; the test delivers webhooks."""

import contextlib
import time
from typing import Any

from rest_framework.test import APIClient

from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.delivery import body_of, sign
from shop.dev.stripe_simulator.errors import ApiError
from shop.dev.testing.steps import API

WEBHOOK = f"{API}/payments/webhook/"


def events(simulator: StripeSimulator, *types: str) -> list[dict[str, Any]]:
    """Return Stripe's events, oldest first."""
    return [each for each in reversed(simulator.state()["events"]) if not types or each["type"] in types]


def post_event(event: dict[str, Any], *, secret: str = "whsec_simulator") -> Any:  # noqa: S107
    body = body_of(event)
    return post_body(body, sign(body, [secret], int(time.time())))


def post_body(body: bytes, signature: str) -> Any:
    return APIClient().generic(
        "POST", WEBHOOK, body, content_type="application/json; charset=utf-8", HTTP_STRIPE_SIGNATURE=signature
    )


def deliver(simulator: StripeSimulator, *types: str) -> None:
    """Deliver all events, even again."""
    for event in events(simulator, *types):
        reply = post_event(event)
        assert reply.status_code == 200, reply.content


def open_payment(client: APIClient, number: str) -> dict[str, Any]:
    reply = client.post(f"{API}/payments/", {"order": number})
    assert reply.status_code in (200, 201), reply.content
    return reply.json()


def pay(client: APIClient, simulator: StripeSimulator, number: str, card: str = "pm_card_visa") -> dict[str, Any]:
    payment = open_payment(client, number)
    simulator.pay(payment["payment_intent"], card)
    deliver(simulator)
    return payment


def decline(client: APIClient, simulator: StripeSimulator, number: str) -> None:
    payment = open_payment(client, number)
    with contextlib.suppress(ApiError):
        simulator.pay(payment["payment_intent"], "pm_card_chargeDeclined")
    deliver(simulator)
