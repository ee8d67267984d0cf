"""Shipping and returning an order's units."""

from datetime import timedelta
from typing import Any

from rest_framework.test import APIClient

from orders.models import Order
from shop.dev.testing.mails import work
from shop.dev.testing.steps import API


def ship(staff: APIClient, order: dict[str, Any], quantity: int | None = None) -> str:
    """Return the parcel's id."""
    lines = {} if quantity is None else {"lines": [{"line": order["lines"][0]["id"], "quantity": quantity}]}
    reply = staff.post(f"{API}/orders/{order['number']}/fulfilments/", lines)
    assert reply.status_code == 201, reply.content
    work()
    return reply.json()["id"]


def returns_url(order: dict[str, Any], path: str = "") -> str:
    return f"{API}/orders/{order['number']}/returns/{path}"


def request(
    client: APIClient, order: dict[str, Any], quantity: int, *, key: str = "", path: str = "", **body: Any
) -> Any:
    reason = body.pop("reason", "")
    body["lines"] = [{"line": order["lines"][0]["id"], "quantity": quantity, "reason": reason}]
    return client.post(returns_url(order, path), body, headers={"Idempotency-Key": key} if key else {})


def answer(client: APIClient, order: dict[str, Any], made: Any, action: str, **body: Any) -> Any:
    return client.post(returns_url(order, f"{made.json()['id']}/{action}/"), body)


def days_pass(order: dict[str, Any], days: int) -> None:
    row = Order.objects.get(number=order["number"])
    for parcel in row.fulfilments:
        parcel.shipped_at -= timedelta(days=days)
        parcel.delivered_at = parcel.delivered_at and parcel.delivered_at - timedelta(days=days)
    Order.objects.filter(pk=row.pk).update(fulfilments=row.fulfilments)


def ship_quietly(staff: APIClient, order: dict[str, Any]) -> Any:
    body = {"lines": [{"line": order["lines"][0]["id"], "quantity": 1}]}
    return staff.post(f"{API}/orders/{order['number']}/fulfilments/", body)
