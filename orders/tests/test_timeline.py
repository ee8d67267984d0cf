"""Timelines for customers and for staff."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import ADDRESS, client_of
from orders import services as orders
from orders.events import Event
from orders.models import Order
from shop import jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.refunds import opened_dispute
from shop.dev.testing.routes import NOBODY, operations
from shop.dev.testing.steps import API, add_to_cart, events_of, order_of
from shop.dev.testing.stripe_steps import pay

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "timeline"}
INTERNAL = (
    "canary flag",
    "canary note",
    "du_canary",
    "flagged",
    "flag_settled",
    "canary remark",
    "canary-tag",
    "canary reason",
    "Canary Clerk",
)
BUYERS_EVENTS = ["placed", "paid", "refunded", "disputed", "dispute_won", "dispute_lost", "dispute_won"]


@pytest.fixture
def clerk(make_user: Callable[..., User]) -> User:
    return make_user(name="Canary Clerk", is_staff=True, is_superuser=True)


@pytest.fixture
def order(
    as_customer: APIClient, clerk: User, make_product: Callable[..., Product], simulator: StripeSimulator
) -> Order:
    """A paid order that staff noted, tagged and refunded in part, and that was flagged and disputed."""
    add_to_cart(as_customer, make_product(price="10.00", stock=5))
    number = as_customer.post(f"{API}/orders/", {"shipping_address": ADDRESS}, headers=KEY).json()["number"]
    pay(as_customer, simulator, number)
    order = Order.objects.get(number=number)
    as_clerk = client_of(clerk)
    for url, body in (
        (f"orders/{number}/notes/", {"text": "canary remark"}),
        (f"payments/{order.payment}/refunds/", {"amount": "1.00", "reason": "canary reason"}),
    ):
        assert as_clerk.post(f"{API}/{url}", body).status_code == 201
    assert as_clerk.patch(f"{API}/orders/{number}/", {"tags": ["canary-tag"]}, format="json").status_code == 200
    orders.flag(order_id=order.pk, detail="canary flag pi_1")
    orders.resolve_flag(order=order, note="canary note")
    for event, dispute in (
        (Event.DISPUTED, "du_canary1"),
        (Event.DISPUTE_WON, "du_canary1"),
        (Event.DISPUTE_LOST, "du_canary2"),
        (Event.DISPUTE_WON, "du_canary2"),
    ):
        orders.record_dispute(order_id=order.pk, event=event, dispute=opened_dispute(dispute))
    return Order.objects.get(pk=order.pk)


def replies_to(client: APIClient, order: Order) -> dict[str, Any]:
    """Return the reply of every operation that can show an order to its buyer, by method and path."""
    mine = {**NOBODY, "{number}": order.number}
    replies = {}
    for operation in operations():
        if operation.method == "GET":
            path = operation.path.replace("payments/{id}", f"payments/{order.payment}")
            for parameter, value in mine.items():
                path = path.replace(parameter, value)
            replies[str(operation)] = client.get(path)
    replies["replay"] = client.post(f"{API}/orders/", {"shipping_address": ADDRESS}, headers=KEY)
    replies["pay"] = client.post(f"{API}/payments/", {"order": order.number})
    replies["cancel"] = client.post(f"{API}/orders/{order.number}/cancel/", {"reason": "Too late"})
    replies["cancel again"] = client.post(f"{API}/orders/{order.number}/cancel/", {})
    return replies


def test_no_reply_and_no_mail_shows_a_buyer_flags_notes_or_ids_of_disputes(
    as_customer: APIClient, order: Order
) -> None:
    replies = replies_to(as_customer, order)
    showing = {name for name, reply in replies.items() if order.number.encode() in reply.getvalue()}
    assert {
        "GET /orders/",
        "GET /orders/{number}/",
        "GET /payments/{id}/",
        "GET /users/me/export/",
        "replay",
        "cancel",
    } <= showing
    leaks = [(name, word) for name, reply in replies.items() for word in INTERNAL if word in reply.getvalue().decode()]
    # The export has all that is kept about a person.
    assert leaks == [("GET /users/me/export/", "canary reason")]
    assert replies["replay"]["Idempotency-Replayed"] == "true"
    shown = replies["GET /orders/{number}/"].json()
    assert [entry["event"] for entry in shown["timeline"]] == BUYERS_EVENTS
    assert [entry["detail"] for entry in shown["timeline"][3:]] == [""] * 4
    assert shown["timeline"][1]["detail"] == "10.00 USD"
    assert replies["cancel"].json()["timeline"][7]["detail"] == "Too late"

    jobs.run_due()
    assert mail.outbox
    assert not [word for message in mail.outbox for word in INTERNAL if word in str(message.message())]


def test_staff_read_all_of_it(as_staff: APIClient, staff: Any, clerk: User, order: Order) -> None:
    everything = [*BUYERS_EVENTS[:3], "flagged", "flag_settled", *BUYERS_EVENTS[3:]]
    (listed,) = as_staff.get(f"{API}/orders/").json()["results"]
    shown = order_of(as_staff, order.number)
    for each in (listed, shown):
        assert [event for event, _ in events_of(each)] == everything
    details = [entry["detail"] for entry in shown["timeline"]]
    assert details[3:6] == ["canary flag pi_1", "canary note", "du_canary1"]
    refunded = shown["timeline"][2]
    assert (refunded["reason"], refunded["staff"]) == ("canary reason", {"id": str(clerk.pk), "name": "Canary Clerk"})
    assert (shown["tags"], shown["notes"][0]["text"]) == (["canary-tag"], "canary remark")
    assert shown["notes"][0]["staff"]["name"] == "Canary Clerk"
    browser: Client = browser_of(staff)
    page = browser.get(url_of("orders.order", "change", order.pk)).content.decode()
    for word in INTERNAL[:3] + INTERNAL[5:]:
        assert word in page
