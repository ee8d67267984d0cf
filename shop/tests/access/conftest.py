"""Users and objects of the access tables."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Address, User
from cart import services as carts
from cart.owners import CartOwner
from cart.promotions.models import Promotion
from catalog.collections.models import Collection
from catalog.models import Product, ProductImage, Variant
from conftest import ADDRESS, client_of
from orders.fulfilments.models import Fulfilment
from orders.invoices.models import Invoice, Party
from orders.models import Order, ShippingMethod, TaxRate
from orders.returns.models import OrderReturn
from orders.reviews.models import Review
from orders.shipping.models import ShippingZone
from shop.db import documents
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import ordered
from shop.dev.testing.guests import guest_with_cart, place_guest_order
from shop.dev.testing.steps import snapshot, variant_of
from shop.dev.testing.stripe_steps import open_payment
from shop.dev.testing.webhooks import make_webhook
from shop.tests.access.people import key_clients, make_people


@pytest.fixture
def people(make_user: Callable[..., User]) -> dict[str, User | None]:
    return make_people(make_user)


@pytest.fixture
def clients(
    people: dict[str, User | None], make_product: Callable[..., Product], shipping: ShippingMethod
) -> dict[str, APIClient]:
    product = make_product("Spoon")
    guest, (_, order) = guest_with_cart(product), place_guest_order(product)
    guest.credentials(**guest._credentials, HTTP_X_ORDER_TOKEN=order["token"])
    return {**{name: client_of(user) for name, user in people.items()}, "guest": guest, **key_clients(people["boss"])}


@pytest.fixture
def things(
    people: dict[str, User | None],
    make_category: Callable[..., Any],
    make_product: Callable[..., Product],
    shipping: Any,
    simulator: StripeSimulator,
) -> dict[str, str]:
    """One object of each kind in routes; those with an owner belong to ``owner``."""
    owner = people["owner"]
    product = make_product("Mug", category=make_category("Mugs"))
    order = ordered(owner, product)
    payment = open_payment(client_of(owner), order.number)
    parcel, returned = Fulfilment(lines=[]), OrderReturn(lines=[])
    Order.objects.filter(pk=order.pk).update(fulfilments=[parcel], returns=[returned])
    cart = carts.add_item(owner=CartOwner(user=owner), variant=variant_of(product).pk, quantity=1).cart
    hidden = make_product("Hidden", is_active=False)
    return {
        "address": str(Address.objects.create(user=owner, **ADDRESS).pk),
        "category": "mugs",
        "customer": str(owner.pk),
        "document": _credit_note(order),
        "collection": Collection.objects.create(name="Summer", slug="summer").slug,
        "hidden": str(hidden.pk),
        "image": str(ProductImage.objects.create(product=product, name="products/a.webp").pk),
        "line": str(cart.lines[0].key),
        "method": str(ShippingMethod.objects.create(code="spare", name="Spare", price="1").pk),
        "order": order.number,
        "parcel": str(parcel.key),
        "payment": payment["id"],
        "rate": str(TaxRate.objects.create(country="JP", rate="10").pk),
        "return": str(returned.key),
        "review": str(Review.objects.create(user=owner, product=product, rating=5).pk),
        "product": str(product.pk),
        "promotion": str(Promotion.objects.create(code="FIVE", kind="percentage", value="5").pk),
        "variant": str(Variant.objects.get(product=product).pk),
        **dict(zip(("endpoint", "delivery"), make_webhook(), strict=True)),
        "zone": str(ShippingZone.objects.create(name="Near").pk),
    }


def _credit_note(order: Order) -> str:
    """Add one to an unpaid order, which stays payable."""
    note = Invoice(
        kind="credit_note",
        series="credit-notes-2026",
        sequence=1,
        number="CN-1",
        source="test",
        order=order.pk,
        order_number=order.number,
        issued_at=order.created_at,
        issued_on=order.created_at.date(),
        seller=Party(name="Seller"),
        buyer=Party(name="Buyer"),
        lines=[],
        tax_lines=[],
        prices_include_tax=True,
        net=0,
        tax=0,
        total=0,
        currency="usd",
    )
    note.save(force_insert=True)
    documents.update_rows(Order, {order.pk: {"credit_notes": [note.entry]}})
    return str(note.pk)


@pytest.fixture
def put_back(request: pytest.FixtureRequest) -> Callable[[], None]:
    """A function that restores the database as it was at the start of the test."""
    # All other fixtures of the test come first.
    for name in {"things", "browsers"} & set(request.fixturenames):
        request.getfixturevalue(name)
    return snapshot()
