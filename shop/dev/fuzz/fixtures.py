from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile

from accounts.address_book import add_address
from accounts.models import User
from accounts.tokens import issue_tokens
from cart import services as carts
from cart.owners import CartOwner
from cart.promotions.models import Promotion
from catalog import images
from catalog.models import Category, Product, ProductImage, Variant
from orders.models import Order, ShippingMethod, TaxRate
from orders.reviews.services import write_review
from orders.shipping.models import ShippingZone
from payments.models import Payment
from shop import media
from shop.dev.demo import seeding, terms
from shop.dev.demo.products import COLLECTIONS, PRODUCTS
from shop.dev.faults.buyers import Buyer
from shop.dev.faults.results import Results
from shop.dev.faults.state import Person
from shop.dev.faults.world import ShopWorld
from shop.dev.fuzz.checks import known_tokens
from shop.dev.fuzz.people import PASSWORD, new_user
from shop.dev.testing.images import image_file
from shop.webhooks.services import create_endpoint, send_test

_PRODUCTS, _PICTURES, _ORDERS, _GUESTS, _REVIEWS, _ENDPOINTS = 12, 6, 6, 3, 3, 2
# Probability of a known instead of a generated value.
_SHARE = 0.6

# Dictionary by parameter, everywhere or at one path.
EVERYWHERE = {
    "path.slug": "categories",
    "path.number": "orders",
    "path.product_pk": "pictured",
    "path.endpoint_pk": "endpoints",
    "query.category": "categories",
    "query.collection": "collections",
    "body.category": "categories",
    "body.product": "simple",
    "body.variant": "variants",
    "body.address_id": "addresses",
    "body.billing_address_id": "addresses",
    "body.shipping_method": "shipping",
    "body.order": "payable",
    "body.password": "passwords",
    "body.old_password": "passwords",
    "body.new_password": "passwords",
    "body.refresh": "refreshes",
    "header.X-Cart-Token": "guests",
}
AT = {
    "/auth/login/": {"body.email": "emails"},
    "/products/{id}/": {"path.id": "products"},
    "/products/{product_pk}/images/{id}/": {"path.id": "pictures"},
    "/collections/{slug}/": {"path.slug": "collections"},
    "/variants/{id}/": {"path.id": "variants"},
    "/variants/{id}/stock/": {"path.id": "variants"},
    "/users/me/addresses/{id}/": {"path.id": "addresses"},
    "/cart/items/{id}/": {"path.id": "lines"},
    "/cart/coupon/": {"body.code": "coupons"},
    "/orders/{number}/fulfil/": {"path.number": "paid"},
    "/orders/{number}/fulfilments/": {"path.number": "paid"},
    "/orders/{number}/fulfilments/{id}/": {"path.number": "paid"},
    "/orders/{number}/returns/": {"path.number": "paid"},
    "/orders/{number}/returns/preview/": {"path.number": "paid"},
    "/orders/{number}/returns/{id}/": {"path.number": "paid"},
    "/collections/{slug}/products/": {"path.slug": "collections"},
    "/collections/{slug}/image/": {"path.slug": "collections"},
    "/customers/{id}/": {"path.id": "customers"},
    "/customers/{id}/activate/": {"path.id": "customers"},
    "/customers/{id}/deactivate/": {"path.id": "customers"},
    "/reviews/{id}/": {"path.id": "reviews"},
    "/reviews/{id}/hide/": {"path.id": "reviews"},
    "/reviews/{id}/show/": {"path.id": "reviews"},
    "/products/{product_pk}/reviews/": {"path.product_pk": "reviewed"},
    "/products/{product_pk}/reviews/{id}/": {"path.product_pk": "reviewed", "path.id": "reviews"},
    "/webhook-endpoints/{id}/": {"path.id": "endpoints"},
    "/webhook-endpoints/{id}/rotate-secret/": {"path.id": "endpoints"},
    "/webhook-endpoints/{id}/test/": {"path.id": "endpoints"},
    "/webhook-endpoints/{endpoint_pk}/deliveries/{id}/": {"path.id": "deliveries"},
    "/webhook-endpoints/{endpoint_pk}/deliveries/{id}/replay/": {"path.id": "deliveries"},
    "/promotions/{id}/": {"path.id": "promotions"},
    "/shipping/methods/{id}/": {"path.id": "methods"},
    "/shipping/zones/{id}/": {"path.id": "zones"},
    "/tax-rates/{id}/": {"path.id": "taxes"},
    "/payments/{id}/": {"path.id": "payments"},
    "/payments/{id}/refunds/": {"path.id": "refundable"},
}


@dataclass
class Fixtures:
    owner: User
    holder: CartOwner
    values: dict[str, list[str]]

    def config(self) -> dict[str, Any]:
        known = {name: {"values": values} for name, values in self.values.items()}
        places = [{"include-path": f"/api/v1{path}", "parameters": _bound(names)} for path, names in AT.items()]
        return {"dictionaries": known, "parameters": _bound(EVERYWHERE), "operations": places}


def _bound(names: Mapping[str, str]) -> dict[str, Any]:
    return {parameter: {"dictionary": name, "probability": _SHARE} for parameter, name in names.items()}


def create_fixtures(world: ShopWorld, person: str) -> Fixtures:
    """Empty the shop and fill it for this person."""
    world.empty()
    world.stripe.reset()
    world.stripe.set_webhook(f"{world.url}/api/v1/payments/webhook/")
    owner = new_user(person, person)
    goods = _goods()
    orders = _orders(world, owner, goods["simple"])
    _guest_orders(world, goods["simple"])
    guests = [CartOwner() for _ in range(_GUESTS)]
    holder = guests[0] if person == "anonymous" else CartOwner(user=owner)
    values = goods | orders | _reviews(owner) | _webhooks() | _people(owner) | _carts(holder, *guests)
    known_tokens.update(values["guests"])
    return Fixtures(owner, holder, values)


def _goods() -> dict[str, list[str]]:
    seeding.seed_terms()
    seeding.seed_categories()
    seeding.seed_products(PRODUCTS[:_PRODUCTS], tick=lambda done, total: None)
    seeding.seed_collections()
    products = list(Product.objects.order_by("id"))
    pictured = products[0]
    for _ in range(_PICTURES):
        prepared = media.prepare_image(ContentFile(image_file().read(), name="picture.png"))
        images.add_image(product=pictured, image=prepared, alt="A picture")
    variants = list(Variant.objects.order_by("id"))
    by_product = [variant.product_id for variant in variants]
    return {
        "products": [str(product.pk) for product in products] + [product.slug for product in products],
        "simple": [str(product.pk) for product in products if by_product.count(product.pk) == 1],
        "pictured": [str(pictured.pk)],
        "pictures": _ids(ProductImage.objects.all()),
        "variants": _ids(variants),
        **_terms(),
        "collections": [collection.slug for collection in COLLECTIONS],
        "categories": [category.slug for category in Category.objects.all()],
        "shipping": [method.code for method in ShippingMethod.objects.all()],
        "coupons": [coupon.code for coupon in terms.COUPONS],
    }


def _people(owner: User) -> dict[str, list[str]]:
    addresses = [add_address(user=owner, fields=terms.CUSTOMER_ADDRESS) for _ in range(3)]
    customers = [new_user("customer") for _ in range(3)]
    return {
        "addresses": _ids(addresses),
        "customers": _ids(customers),
        "emails": [customer.email for customer in customers],
        "passwords": [PASSWORD],
        # Valid for one request.
        "refreshes": [issue_tokens(owner)["refresh"] for _ in range(20)],
    }


def _terms() -> dict[str, list[str]]:
    return {
        "promotions": _ids(Promotion.objects.all()),
        "methods": _ids(ShippingMethod.objects.all()),
        "zones": _ids(ShippingZone.objects.all()),
        "taxes": _ids(TaxRate.objects.all()),
    }


def _orders(world: ShopWorld, owner: User, goods: Sequence[str]) -> dict[str, list[str]]:
    buyer = Buyer(world.url, Person(str(owner.pk), issue_tokens(owner)["access"]), Results("fixtures"))
    numbers = []
    for number in range(_ORDERS * 2):
        buyer.add(goods[number % len(goods)])
        numbers.append(buyer.checkout().body["number"])
    paid, payable = numbers[:_ORDERS], numbers[_ORDERS:]
    for number in paid:
        world.stripe.pay(buyer.open_payment(number).body["payment_intent"])
    world.stripe.wait_until_idle(30)
    payments = Payment.objects.filter(user=owner)
    return {
        "orders": numbers,
        "paid": paid,
        "payable": payable,
        "payments": _ids(payments),
        "refundable": _ids(payments.filter(amount_received__gt=0)),
    }


def _reviews(owner: User) -> dict[str, list[str]]:
    bought = Order.objects.owned_by(owner).valid_purchases()
    products = list(
        Product.objects.filter(pk__in={line.product for order in bought for line in order.lines})[:_REVIEWS]
    )
    data = {"rating": 4, "title": "Good", "body": "As described."}
    reviews = [write_review(user=owner, product=product, data=data) for product in products]
    return {"reviews": _ids(reviews), "reviewed": _ids(products)}


def _webhooks() -> dict[str, list[str]]:
    """Endpoints whose messages are lost: nothing listens at this port."""
    endpoints = [create_endpoint(url="http://127.0.0.1:9/hook", types=["order.*"])[0] for _ in range(_ENDPOINTS)]
    deliveries = [send_test(endpoint=endpoint) for endpoint in endpoints]
    return {"endpoints": _ids(endpoints), "deliveries": _ids(deliveries)}


def _guest_orders(world: ShopWorld, goods: Sequence[str]) -> None:
    for number in range(_GUESTS):
        buyer = Buyer(world.url, Person(f"guest{number}@fuzz.test", ""), Results("fixtures"))
        buyer.add(goods[number % len(goods)])
        buyer.open_payment(buyer.checkout().body["number"])


def _carts(*holders: CartOwner) -> dict[str, list[str]]:
    variants = list(Variant.objects.active().filter(stock__gt=10)[:4])
    lines = []
    for holder in holders:
        for variant in variants:
            cart = carts.add_item(owner=holder, variant=variant.pk, quantity=2).cart
        lines += [str(line.key) for line in cart.lines]
    return {"guests": [holder.token for holder in holders if holder.token], "lines": lines}


def _ids(rows: Sequence[Any]) -> list[str]:
    return [str(row.pk) for row in rows]
