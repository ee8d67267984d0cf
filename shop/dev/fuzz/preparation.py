"""Prepare what no schema expresses: a filled cart, a mailed link, a signature."""

import contextlib
import json
import random
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import schemathesis
from schemathesis.generation.case import Case

from accounts.links import RESET, VERIFICATION
from cart import services as carts
from cart.models import Cart
from cart.owners import CartOwner
from catalog.models import Product, Variant
from orders.models import Order
from orders.tokens import new_token
from shop.dev.fuzz.checks import known_tokens
from shop.dev.fuzz.people import new_user
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.delivery import body_of, sign

_BUY = {"POST /api/v1/orders/", "POST /api/v1/orders/quote/"}
# Their parameter.
_OF_GUESTS = {
    "GET /api/v1/orders/{number}/": "number",
    "POST /api/v1/orders/{number}/cancel/": "number",
    "POST /api/v1/payments/": "order",
    "GET /api/v1/payments/{id}/": "id",
}
_CART_LINES = {"PATCH /api/v1/cart/items/{id}/", "DELETE /api/v1/cart/items/{id}/"}
_LINKS = {"POST /api/v1/auth/password/reset/confirm/": RESET, "POST /api/v1/auth/email/verify/confirm/": VERIFICATION}
# The HTTP server rejects invalid ones before any operation.
_HEADERS_OF_HTTP = {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
_WEBHOOK = "POST /api/v1/payments/webhook/"


class Preparation:
    """Some requests are prepared at random."""

    def __init__(self, *, holder: CartOwner, stripe: StripeSimulator, seed: int) -> None:
        self._holder, self._stripe = holder, stripe
        self._random = random.Random(seed)  # noqa: S311

    @contextlib.contextmanager
    def set(self) -> Iterator[None]:
        @schemathesis.hook
        def before_call(context: Any, case: Case, kwargs: dict[str, Any]) -> None:
            self._prepare(case, kwargs)

        try:
            yield
        finally:
            schemathesis.hooks.unregister(before_call)

    def _prepare(self, case: Case, kwargs: dict[str, Any]) -> None:
        for header in [each for each in case.headers or () if each.lower() in _HEADERS_OF_HTTP]:
            del case.headers[header]
        name = case.operation.label
        if name in _BUY and self._holder.user is not None:
            self._filled_cart()
        if case.meta is None or not case.meta.generation.mode.is_positive or self._random.random() < 0.5:
            return
        if name in _CART_LINES and (cart := self._filled_cart()):
            case.path_parameters["id"] = str(cart.lines[0].key)
            if self._holder.token:
                _send_token(case, "X-Cart-Token", self._holder.token)
        elif name in _BUY and self._holder.token and self._filled_cart():
            _send_token(case, "X-Cart-Token", self._holder.token)
        elif name in _OF_GUESTS and self._holder.user is None:
            self._open_guest_order(case, _OF_GUESTS[name])
        elif name in _LINKS:
            case.body |= parse_qsl(urlsplit(_LINKS[name].url(new_user("customer"))).query)
        elif name == _WEBHOOK:
            kwargs["data"] = body = self._event(case)
            case.headers["Stripe-Signature"] = sign(body, [self._stripe.webhook_secret], int(time.time()))

    def _open_guest_order(self, case: Case, parameter: str) -> None:
        """Send the token of a guest's order, and its number or its payment's id."""
        order = Order.objects.of_guests().exclude(payment=None).order_by("-pk").first()
        if order is None:
            return
        _send_token(case, "X-Order-Token", new_token(order))
        if parameter == "order":
            case.body["order"] = order.number
        else:
            case.path_parameters[parameter] = order.number if parameter == "number" else str(order.payment)

    def _filled_cart(self) -> Cart | None:
        """Return a cart with lines; None if sold out."""
        cart = self._holder.find().cart
        if cart is not None and cart.lines:
            return cart
        # Earlier requests may have deactivated products.
        for_sale = list(Product.objects.active().values_list("pk", flat=True))
        variant = Variant.objects.active().filter(product__in=for_sale, stock__gt=0, price__gt=1).first()
        return carts.add_item(owner=self._holder, variant=variant.pk, quantity=1).cart if variant else None

    def _event(self, case: Case) -> bytes:
        """Return an earlier event, or the generated body."""
        told = self._stripe.state()["events"]
        if told and self._random.random() < 0.5:
            return body_of(self._random.choice(told))
        return json.dumps(case.body, default=str).encode()


def _send_token(case: Case, header: str, token: str) -> None:
    case.headers[header] = token
    known_tokens.add(token)
