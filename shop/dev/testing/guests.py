"""Purchases without an account."""

from typing import Any

from rest_framework.test import APIClient

from catalog.models import Product
from shop.dev.testing.steps import ADDRESS, API

EMAIL = "grace@example.com"


def guest_with_cart(product: Product, quantity: int = 1) -> APIClient:
    """Return a client that sends the cart's token."""
    client = APIClient(raise_request_exception=False)
    reply = client.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": quantity})
    assert reply.status_code == 201, reply.content
    client.credentials(HTTP_X_CART_TOKEN=reply.headers["X-Cart-Token"])
    return client


def place_guest_order(product: Product, quantity: int = 1, **body: Any) -> tuple[APIClient, dict[str, Any]]:
    """Return the order, and a client that sends its token alone."""
    body = {"email": EMAIL, "shipping_address": ADDRESS, **body}
    reply = guest_with_cart(product, quantity).post(f"{API}/orders/", body)
    assert reply.status_code == 201, reply.content
    order = reply.json()
    return with_token(order["token"]), order


def with_token(token: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_X_ORDER_TOKEN=token)
    return client
