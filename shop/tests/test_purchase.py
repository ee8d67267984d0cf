"""A complete purchase over HTTP, with signed webhooks of the Stripe simulator."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from catalog.models import Product, StockMovement, Variant
from conftest import ADDRESS, PASSWORD
from orders.models import Order, ShippingMethod
from payments.models import Payment, StripeEvent
from shop import audit
from shop.dev.stripe_simulator import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)


class Storefront:
    """A shopper's browser: the API with a token, Stripe with the publishable key."""

    def __init__(self, base: str, stripe_base: str) -> None:
        self.base, self.stripe_base = f"{base}/api/v1", stripe_base
        self.http = requests.Session()

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.http.request(method, self.base + path, timeout=20, **kwargs)

    def register(self, email: str) -> None:
        body = {"email": email, "password": PASSWORD, "name": "Shopper"}
        reply = self.call("POST", "/auth/register/", json=body)
        assert reply.status_code == 201, reply.text
        self.http.headers["Authorization"] = f"Bearer {reply.json()['access']}"

    def place_order(self, product: Product, quantity: int = 1) -> dict:
        reply = self.call("POST", "/cart/items/", json={"product": str(product.pk), "quantity": quantity})
        assert reply.status_code == 201, reply.text
        reply = self.call("POST", "/orders/", json={"shipping_address": ADDRESS})
        assert reply.status_code == 201, reply.text
        return reply.json()

    def pay(self, number: str, payment_method: str = "pm_card_visa") -> requests.Response:
        reply = self.call("POST", "/payments/", json={"order": number})
        assert reply.status_code in (200, 201), reply.text
        payment = reply.json()
        return requests.post(
            f"{self.stripe_base}/v1/payment_intents/{payment['payment_intent']}/confirm",
            data={"client_secret": payment["client_secret"], "payment_method": payment_method},
            auth=(payment["publishable_key"], ""),
            timeout=20,
        )

    def order_once(self, number: str, condition: Callable[[dict], bool]) -> dict:
        """Poll as a storefront would until the order is as expected."""
        give_up_at = time.monotonic() + 10
        while True:
            order = self.call("GET", f"/orders/{number}/").json()
            if condition(order) or time.monotonic() > give_up_at:
                return order
            time.sleep(0.05)


@pytest.fixture
def storefront(live_server: Any, simulator: StripeSimulator, shipping: ShippingMethod) -> Iterator[Storefront]:
    simulator.set_webhook(f"{live_server.url}/api/v1/payments/webhook/")
    yield Storefront(live_server.url, simulator.url)
    simulator.wait_until_idle(timeout=10)
    assert audit.violations() == []


def test_a_purchase_is_completed_by_the_webhook(storefront: Storefront, make_product: Callable[..., Product]) -> None:
    product = make_product("Mug", price="12.50", stock=5)
    storefront.register("shopper@example.com")
    order = storefront.place_order(product, quantity=2)
    assert (order["status"], order["payment_status"], order["total"]) == ("pending", "unpaid", "29.90")
    assert storefront.call("GET", "/cart/").json()["items"] == []

    paid = storefront.pay(order["number"])
    assert paid.json()["status"] == "succeeded", paid.text
    order = storefront.order_once(order["number"], lambda order: order["payment_status"] == "paid")

    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert [entry["event"] for entry in order["timeline"]] == ["placed", "paid"]
    assert order["expires_at"] is None
    again = storefront.call("POST", "/payments/", json={"order": order["number"]})
    assert again.status_code == 409
    assert again.json()["errors"][0]["code"] == "order_not_payable"
    variant = Variant.objects.get(product=product)
    assert variant.stock == 3 == sum(StockMovement.objects.filter(variant=variant).values_list("delta", flat=True))
    assert Order.objects.count() == Payment.objects.count() == 1
    assert not StripeEvent.objects.exclude(status__in=["applied", "ignored"]).exists()


def test_a_declined_card_leaves_the_order_payable(storefront: Storefront, make_product: Callable[..., Product]) -> None:
    storefront.register("shopper@example.com")
    order = storefront.place_order(make_product(price="12.50"))

    declined = storefront.pay(order["number"], "pm_card_chargeDeclined")
    assert declined.status_code == 402
    order = storefront.order_once(order["number"], lambda order: order["payment_status"] == "failed")
    assert (order["status"], order["payment_status"]) == ("pending", "failed")

    assert storefront.pay(order["number"]).json()["status"] == "succeeded"
    order = storefront.order_once(order["number"], lambda order: order["payment_status"] == "paid")
    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert Payment.objects.count() == 1


def test_a_cancel_puts_the_stock_back_and_closes_the_way_to_pay(
    storefront: Storefront, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    storefront.register("shopper@example.com")
    order = storefront.place_order(product, quantity=2)
    payment = storefront.call("POST", "/payments/", json={"order": order["number"]}).json()
    assert Variant.objects.get(product=product).stock == 3

    reply = storefront.call("POST", f"/orders/{order['number']}/cancel/", json={"reason": "Changed my mind"})

    assert reply.status_code == 200, reply.text
    assert reply.json()["status"] == "cancelled"
    assert Variant.objects.get(product=product).stock == 5
    assert storefront.call("GET", f"/payments/{payment['id']}/").json()["status"] == "canceled"
    assert storefront.call("POST", "/payments/", json={"order": order["number"]}).status_code == 409
    again = storefront.call("POST", f"/orders/{order['number']}/cancel/", json={})
    assert again.json()["errors"][0]["code"] == "order_not_cancellable"
    assert Variant.objects.get(product=product).stock == 5


def test_cancelling_a_paid_order_refunds_it_once(
    storefront: Storefront, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    storefront.register("shopper@example.com")
    order = storefront.place_order(product)
    storefront.pay(order["number"])
    storefront.order_once(order["number"], lambda order: order["payment_status"] == "paid")

    reply = storefront.call("POST", f"/orders/{order['number']}/cancel/", json={})

    assert reply.status_code == 200, reply.text
    order = storefront.order_once(order["number"], lambda order: order["payment_status"] == "refunded")
    assert (order["status"], order["payment_status"]) == ("cancelled", "refunded")
    assert [(refund["amount"], refund["status"]) for refund in order["refunds"]] == [("14.90", "succeeded")]
    assert [entry["event"] for entry in order["timeline"]] == ["placed", "paid", "cancelled", "refunded"]
    assert Variant.objects.get(product=product).stock == 5
    simulator.wait_until_idle(timeout=10)
    assert len(storefront.call("GET", f"/orders/{order['number']}/").json()["refunds"]) == 1


def test_a_webhook_with_a_bad_signature_changes_nothing(storefront: Storefront) -> None:
    forged = storefront.call(
        "POST", "/payments/webhook/", data=b'{"object": "event"}', headers={"Stripe-Signature": "t=1,v1=00"}
    )
    assert forged.status_code == 400
    assert forged.json()["errors"][0]["code"] == "invalid_signature"
    assert StripeEvent.objects.count() == 0
