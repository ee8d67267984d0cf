import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from shop.dev.faults.buyers import Answer, Buyer, at_once, run_in_parallel
from shop.dev.faults.results import Results
from shop.dev.faults.world import World
from shop.dev.stripe_simulator.delivery import body_of, sign


@dataclass(frozen=True)
class Opened:
    buyer: Buyer
    number: str
    payment: str
    intent: str


def open_orders(world: World, results: Results, product: str, count: int, *, quantity: int = 1) -> list[Opened]:
    def buy(buyer: Buyer) -> Opened | None:
        buyer.add(product, quantity)
        order = buyer.checkout()
        payment = open_until_answered(buyer, order.body.get("number", ""))
        # 200: an unanswered attempt created the payment.
        if order.status != 201 or payment.status not in (200, 201):
            results.unexpected.append(f"no order to be paid: {order}, {payment}")
            return None
        return Opened(buyer, order.body["number"], payment.body["id"], payment.body["payment_intent"])

    opened = run_in_parallel([lambda b=buyer: buy(b) for buyer in world.buyers(count, results)])
    return [each for each in opened if each is not None]


def open_until_answered(buyer: Buyer, number: str) -> Answer:
    """Retry: after an outage servers pause calls to Stripe."""
    give_up_at = time.monotonic() + 30
    while not (answer := buyer.open_payment(number)).is_definite and time.monotonic() < give_up_at:
        time.sleep(0.5)
    return answer


def events_of(world: World, intent: str, *types: str) -> list[dict[str, Any]]:
    """Return events about an intent, oldest first."""
    found = []
    for event in reversed(world.stripe.state()["events"]):
        subject = event["data"]["object"]
        if intent in (subject["id"], subject.get("payment_intent")) and (not types or event["type"] in types):
            found.append(event)
    return found


def post_event(world: World, event: dict[str, Any], *secrets: str) -> int:
    body = body_of(event)
    return post_body(world, body, sign(body, list(secrets) or [world.stripe.webhook_secret], int(time.time())))


def post_body(world: World, body: bytes, signature: str) -> int:
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
    try:
        with requests.Session() as http:
            http.trust_env = False
            return http.post(
                f"{world.url}/api/v1/payments/webhook/", data=body, headers=headers, timeout=30
            ).status_code
    except requests.RequestException:
        return 0


def deliver_at_once(world: World, results: Results, deliveries: Sequence[dict[str, Any]]) -> None:
    """Each event must be acknowledged."""
    results.attempt(len(deliveries))
    statuses = at_once([lambda e=event: post_event(world, e) for event in deliveries])
    for status in statuses:
        results.answered(status, "a delivery")
        results.expect(status >= 500 or status == 200, f"a delivery was answered with {status}")
    results.acknowledge(statuses.count(200))
