"""A customer with personal data in every place."""

from typing import Any

from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import PASSWORD, client_of
from orders import search_words
from orders import services as orders
from orders.models import Order
from orders.reviews.models import Review
from payments.models import Payment
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.steps import API, add_to_cart, place_order
from shop.dev.testing.stripe_steps import deliver, open_payment, pay, post_event

CANARY = "Canary"
EMAIL = "canary@example.com"
ADDRESS = {
    "name": "Canary Name",
    "company": "Canary Company",
    "line1": "1 Canary Street",
    "line2": "Canary Floor",
    "city": "Canary City",
    "postal_code": "Canary 1",
    "country": "GB",
}


class Scene:
    """A customer with personal data in every place."""

    def __init__(self, client: APIClient, staff: User, simulator: StripeSimulator, make_product: Any) -> None:
        self.client, self.staff, self.simulator, self.make_product = client, client_of(staff), simulator, make_product
        self.browser = browser_of(staff)

    def order(self, *, paid: bool = True) -> str:
        address = {**ADDRESS, "phone": "+44 555 0199"}
        number = place_order(self.client, self.make_product(), note="Canary note", shipping_address=address)["number"]
        order = Order.objects.get(number=number)
        order.shipping_address = order.billing_address = self._marked(order)
        order.search_words = search_words.of(order)
        order.save()
        if paid:
            pay(self.client, self.simulator, number)
        return number

    @staticmethod
    def _marked(order: Order) -> Any:
        # No phone number has letters.
        address: Any = order.shipping_address
        address.phone = address.tax_id = "Canary 555"
        return address

    def payment(self, number: str) -> Payment:
        return Payment.objects.get(order_number=number)

    def refund(self, number: str, **body: str) -> None:
        url = f"{API}/payments/{self.payment(number).pk}/refunds/"
        assert self.staff.post(url, {"reason": "Canary reason", **body}).status_code == 201
        self.simulator_catches_up()

    def ship(self, number: str, status: str = "shipped") -> None:
        tracking = {"tracking_number": "Canary123", "tracking_url": "https://example.com/Canary123"}
        body = {"status": status, "carrier": "Post", **tracking}
        assert self.staff.post(f"{API}/orders/{number}/fulfil/", body).status_code == 200

    def reject_return(self, number: str) -> None:
        line = str(Order.objects.get(number=number).lines[0].variant)
        returns = f"{API}/orders/{number}/returns/"
        reply = self.client.post(returns, {"lines": [{"line": line, "quantity": 1, "reason": "Canary itches"}]})
        assert reply.status_code == 201
        url = f"{returns}{reply.json()['id']}/reject/"
        assert self.staff.post(url, {"answer": "Canary wore it"}).status_code == 200

    def simulator_catches_up(self) -> None:
        deliver(self.simulator)


def furnish(scene: Scene, person: User) -> dict[str, str]:
    """Create all kinds of data about the customer; return the order numbers."""
    client, numbers = scene.client, {}
    numbers["unpaid"] = scene.order(paid=False)
    open_payment(client, numbers["unpaid"])
    numbers["delivered"] = scene.order()
    scene.ship(numbers["delivered"])
    scene.ship(numbers["delivered"], "delivered")
    scene.reject_return(numbers["delivered"])
    numbers["cancelled"] = scene.order()
    cancel = client.post(f"{API}/orders/{numbers['cancelled']}/cancel/", {"reason": "Canary moved"})
    assert cancel.status_code == 200
    numbers["refunded"] = scene.order()
    scene.refund(numbers["refunded"])
    numbers["partly refunded"] = scene.order()
    scene.refund(numbers["partly refunded"], amount="1.00")
    numbers["to ship"] = scene.order()
    noted = Order.objects.get(number=numbers["refunded"])
    assert scene.browser.post(url_of("orders.order", "add_note", noted.pk), {"text": "Canary rang"}).status_code == 302
    numbers["flagged"] = scene.order()
    flagged = Order.objects.get(number=numbers["flagged"])
    orders.flag(order_id=flagged.pk, detail="Something does not match.")
    assert scene.browser.post(url_of("orders.order", "settle", flagged.pk), {"note": "Canary rang"}).status_code == 302
    numbers["shipped"] = scene.order()
    scene.ship(numbers["shipped"])
    numbers["shipped and refunded"] = scene.order()
    scene.ship(numbers["shipped and refunded"])
    scene.refund(numbers["shipped and refunded"])
    numbers["disputed"] = scene.order()
    scene.simulator.dispute(scene.payment(numbers["disputed"]).intent)
    scene.simulator_catches_up()
    furnish_account(scene, person)
    return numbers


def furnish_account(scene: Scene, person: User) -> None:
    client = scene.client
    address = {**ADDRESS, "state": "Canary State", "phone": "+44 555 0199"}
    assert client.post(f"{API}/users/me/addresses/", address).status_code == 201
    person.addresses.update(phone="Canary 555", tax_id="Canary 555")
    note = {"text": "Canary rang about a delivery"}
    assert scene.browser.post(url_of("accounts.user", "add_note", person.pk), note).status_code == 302
    add_to_cart(client, scene.make_product())
    shown, hidden = scene.make_product(), scene.make_product()
    for product, words, is_hidden in ((shown, "Fits well", False), (hidden, "Canary is my name", True)):
        Review.objects.create(user=person, product=product, rating=5, title=words, body=words, is_hidden=is_hidden)
    Product.objects.filter(pk=shown.pk).update(rating_count=1, rating_sum=5, rating_average=5)
    login = {"email": EMAIL, "password": PASSWORD}
    assert client_of().post(f"{API}/auth/login/", login).status_code == 200
    assert client_of().post(f"{API}/auth/login/", {**login, "password": "wrong"}).status_code == 401
    assert client_of().post(f"{API}/auth/password/reset/", {"email": EMAIL}).status_code == 202
    assert client.post(f"{API}/auth/email/verify/", {}).status_code == 202
    change = {"email": "canary.name@example.com", "password": PASSWORD}
    assert client.post(f"{API}/auth/email/change/", change).status_code == 202
    key = {"Idempotency-Key": "canary-key"}
    assert client.post(f"{API}/orders/", {"shipping_address": {**ADDRESS, "name": ""}}, headers=key).status_code == 400
    note = {"shipping_address": ADDRESS, "note": "Canary note"}
    assert client.post(f"{API}/orders/", note, headers=key).status_code == 201
    person.carts.update(coupon="CANARY")
    add_to_cart(client, scene.make_product())
    form = url_of("accounts.user", "change", person.pk)
    assert scene.browser.get(form).status_code == 200
    event = scene.simulator.make_event("customer.updated", {"id": "cus_1", "object": "customer", "email": EMAIL})
    assert post_event(event).status_code == 200
