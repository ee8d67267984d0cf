"""Storefronts of a customer and of staff, and the steps that several chapters of the demo take."""

import secrets
from collections.abc import Callable
from typing import Any

from shop.dev.demo.lines import money
from shop.dev.demo.narration import Narrator
from shop.dev.demo.storefront import PromiseBroken, Storefront, confirm_as_stripe_js

MUG, TEE, CANDLE = "harbour-stoneware-mug", "everyday-organic-tee", "cedar-smoke-candle"
GOOD_CARD, DECLINED_CARD = "pm_card_visa", "pm_card_chargeDeclined"
ADDRESS = {
    "name": "Dana Demo",
    "line1": "Hafenstraße 7",
    "city": "Hamburg",
    "postal_code": "20359",
    "country": "DE",
}

ReadMail = Callable[[str], dict[str, str]]


class Visit:
    """``base_url`` must serve the demo's data, ``stripe_base`` deliver webhooks within ``webhook_seconds``.

    ``read_mail`` returns the parameters of the link that verifies an address.
    """

    def __init__(
        self,
        base_url: str,
        stripe_base: str,
        narrator: Narrator | None = None,
        *,
        read_mail: ReadMail,
        webhook_seconds: float = 20,
    ) -> None:
        self.read_mail = read_mail
        self.email = f"demo-{secrets.token_hex(6)}@example.com"
        self.narrator = narrator or Narrator()
        self.stripe_base = stripe_base
        self.webhook_seconds = webhook_seconds
        self.customer = Storefront(base_url, self.narrator)
        self.staff = Storefront(base_url, self.narrator)

    def promise(self, kept: bool, promise: str) -> None:
        if not kept:
            raise PromiseBroken(f"Failed expectation: {promise}.")
        self.narrator.held(promise)

    def variant(self, slug: str, *, quietly: bool = True, **options: str) -> dict[str, Any]:
        product = self.staff.get(f"/products/{slug}/", quietly=quietly)
        for variant in product["variants"]:
            if variant["options"] == options:
                return variant
        raise PromiseBroken(f"{product['name']} has no variant {options}; `manage.py seed` makes the demo's products.")

    def stock(self, slug: str, **options: str) -> int:
        variant = self.variant(slug, quietly=False, **options)
        self.narrator.shown([f"{variant['sku']}: {variant['stock']} in stock, staff see"])
        return variant["stock"]

    def order(self, slug: str, *, quantity: int) -> dict[str, Any]:
        self.customer.post("/cart/items/", {"variant": self.variant(slug)["id"], "quantity": quantity})
        order = self.customer.post("/orders/", {"shipping_address": ADDRESS})
        self.narrator.shown([f"Order {order['number']}: {money(order)}, {order['status']}, {order['payment_status']}"])
        return order

    def pay(self, payment: dict[str, Any], *, card: str) -> None:
        status, intent = confirm_as_stripe_js(self.stripe_base, payment, card=card, narrator=self.narrator)
        self.promise(
            status == 200 and intent.get("status") == "succeeded", f"Stripe accepts the card ({card}): succeeded"
        )

    def wait_until_paid(self, order: dict[str, Any], buyer: Storefront | None = None) -> dict[str, Any]:
        paid = (buyer or self.customer).wait_for(
            f"/orders/{order['number']}/",
            lambda found: found["payment_status"] == "paid",
            seconds=self.webhook_seconds,
            what="The webhook that completes the order",
        )
        self.promise(
            paid["status"] == "completed", f"The webhook has arrived: order {paid['number']} is completed and paid"
        )
        return paid
