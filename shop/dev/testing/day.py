"""A shop with the orders of a day at the desk."""

from collections.abc import Callable

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders.fulfilments import services as fulfilments
from orders.models import Order
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import work
from shop.dev.testing.steps import API, add_to_cart, place_order
from shop.dev.testing.stripe_steps import pay

HIGH_STREET = {"line1": "1 High Street", "city": "Leeds", "postal_code": "LS1 1AA", "country": "GB"}
NAMES = ("Grace Hopper", "Ada Lovelace", "Mary Somerville", "Emmy Noether", "Hedy Lamarr", "Katherine Johnson")


class Shop:
    """Six paid orders by as many customers; Ada's was delivered, and she returns a part."""

    def __init__(
        self, simulator: StripeSimulator, mug: Product, plate: Product, make_user: Callable[..., User]
    ) -> None:
        self.simulator, self.mug, self.plate = simulator, mug, plate
        self.orders: dict[str, Order] = {}
        for name in NAMES:
            client = client_of(make_user(name=name, email=f"{name.split()[0].lower()}@example.com"))
            add_to_cart(client, mug, 2)
            add_to_cart(client, plate, 2)
            address = {
                "name": name,
                "line1": "1 High Street",
                "city": "Leeds",
                "postal_code": "LS1 1AA",
                "country": "GB",
            }
            number = place_order(client, shipping_address=address)["number"]
            pay(client, simulator, number)
            self.orders[name] = Order.objects.get(number=number)
        order = self.orders["Ada Lovelace"]
        fulfilments.ship(order=order)
        fulfilments.deliver_all(order=order)
        ada = client_of(User.objects.get(email="ada@example.com"))
        lines = [{"line": str(order.lines[0].variant), "quantity": 1, "reason": "Too small"}]
        assert ada.post(f"{API}/orders/{order.number}/returns/", {"lines": lines}).status_code == 201
        work()

    def __getitem__(self, name: str) -> Order:
        return Order.objects.get(pk=self.orders[name].pk)
