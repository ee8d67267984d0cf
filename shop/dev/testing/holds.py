"""Unpaid orders and the stock that they hold."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from catalog.models import Product
from conftest import ADDRESS
from orders import expiry
from orders.models import Order
from shop.dev.testing.steps import API, add_to_cart


def try_to_order(client: APIClient, product: Product, quantity: int = 1) -> Any:
    add_to_cart(client, product, quantity)
    return client.post(f"{API}/orders/", {"shipping_address": ADDRESS})


def hold_of(number: str) -> timedelta:
    """Return the time from placing an order to the end of its hold."""
    order = Order.objects.get(number=number)
    return order.expires_at - order.created_at


def cancel(client: APIClient, number: str) -> None:
    assert client.post(f"{API}/orders/{number}/cancel/", {}).status_code == 200


def end_holds() -> None:
    Order.objects.exclude(expires_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))


def rest_of_hold(number: str) -> timedelta:
    """Return the rest of the order's hold."""
    return Order.objects.get(number=number).expires_at - timezone.now()


def let_all_expire() -> None:
    end_holds()
    expiry.expire_due_orders()
