"""Orders that are picked up are taxed at the place of pick-up, whatever the address."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod, ShippingRate, ShippingZone, TaxRate
from shop.audit import violations
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.mails import minutes_pass, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order

pytestmark = pytest.mark.django_db

QUOTE = f"{API}/orders/quote/"


@pytest.fixture(autouse=True)
def terms(shipping: ShippingMethod) -> None:
    ShippingMethod.objects.create(
        code="berlin", name="Berlin", price="0.00", position=1, is_pickup=True, pickup_country="DE"
    )
    ShippingMethod.objects.create(
        code="oakland", name="Oakland", price="2.00", position=2, is_pickup=True, pickup_country="US", pickup_state="CA"
    )
    TaxRate.objects.create(country="DE", rate=Decimal(19))
    TaxRate.objects.create(country="FR", rate=Decimal(20))
    TaxRate.objects.create(country="US", rate=Decimal(5), applies_to_shipping=False)
    TaxRate.objects.create(country="US", state="CA", rate=Decimal("7.25"))


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="100.00", stock=20)


TYPED: list[dict[str, str]] = [
    {"country": "DE"},
    {"country": "FR"},
    {"country": "US", "state": "CA"},
    {"country": "US", "state": "California"},
    {"country": "US", "state": "ca"},
    {"country": "AQ"},
    {"country": "DE", "state": "CA"},
]


@pytest.mark.parametrize(("code", "tax", "total"), [("berlin", "19.00", "119.00"), ("oakland", "7.40", "109.40")])
@pytest.mark.parametrize("typed", TYPED, ids=["-".join(each.values()) for each in TYPED])
def test_a_typed_address_moves_no_tax_of_a_pick_up_in_quote_and_order(
    as_customer: APIClient, product: Product, typed: dict[str, str], code: str, tax: str, total: str
) -> None:
    body = {"shipping_address": {**ADDRESS, "state": "", **typed}, "shipping_method": code}
    add_to_cart(as_customer, product)
    before = dump_database()
    quote = as_customer.post(QUOTE, body).json()
    assert dump_database() == before
    assert (quote["tax"], quote["total"]) == (tax, total)
    order = place_order(as_customer, None, expected_total=total, **body)
    assert (order["tax"], order["total"]) == (tax, total)
    assert order["shipping_address"]["country"] == typed["country"]
    assert Order.objects.get().lines[0].tax == Decimal(tax) - (Decimal("0.15") if code == "oakland" else 0)


@pytest.mark.parametrize(
    ("typed", "tax"),
    [({"country": "DE"}, "19.93"), ({"country": "FR"}, "20.98"), ({"country": "US", "state": "CA"}, "7.61")],
)
def test_what_is_sent_is_taxed_at_its_destination(
    as_customer: APIClient, product: Product, typed: dict[str, str], tax: str
) -> None:
    add_to_cart(as_customer, product)
    body = {"shipping_address": {**ADDRESS, "state": "", **typed}, "shipping_method": "standard"}
    assert as_customer.post(QUOTE, body).json()["tax"] == tax


def test_a_place_without_a_rate_has_no_tax(as_customer: APIClient, product: Product) -> None:
    ShippingMethod.objects.filter(code="berlin").update(pickup_country="AQ")
    add_to_cart(as_customer, product)
    body = {"shipping_address": {**ADDRESS, "country": "DE"}, "shipping_method": "berlin"}
    assert as_customer.post(QUOTE, body).json()["tax"] == "0.00"


def test_a_pick_up_that_is_the_default_is_taxed_at_its_place(as_customer: APIClient, product: Product) -> None:
    ShippingMethod.objects.exclude(code="berlin").delete()
    add_to_cart(as_customer, product)
    body = {"shipping_address": {**ADDRESS, "country": "FR"}}
    assert as_customer.post(QUOTE, body).json()["tax"] == "19.00"


@pytest.mark.parametrize("is_guest", [False, True])
def test_a_pick_up_needs_no_address_and_the_order_keeps_its_place(
    as_customer: APIClient, anonymous: APIClient, as_staff: APIClient, staff: User, product: Product, is_guest: bool
) -> None:
    client = anonymous if is_guest else as_customer
    reply = client.post(f"{API}/cart/items/", {"product": str(product.pk)})
    headers = {"X-Cart-Token": reply["X-Cart-Token"]} if is_guest else {}
    body = {"shipping_method": "oakland", **({"email": "grace@example.com"} if is_guest else {})}
    # The zone of its place.
    zone = ShippingZone.objects.create(name="California", states=["US-CA"])
    ShippingRate.objects.create(method=ShippingMethod.objects.get(code="oakland"), zone=zone, price="3.00")

    quote = client.post(QUOTE, body, headers=headers).json()
    assert [(each["code"], each["price"]) for each in quote["shipping_methods"]] == [
        ("berlin", "0.00"),
        ("oakland", "3.00"),
    ]
    placed = client.post(f"{API}/orders/", {**body, "expected_total": quote["total"]}, headers=headers).json()
    assert (placed["shipping"], placed["tax"], placed["total"]) == ("3.00", "7.47", "110.47")
    assert (placed["shipping_address"], placed["billing_address"]) == (None, None)

    ShippingMethod.objects.all().delete()
    order = as_staff.get(f"{API}/orders/{placed['number']}/").json()
    place = {"name": "Oakland", "line1": "", "line2": "", "city": "", "state": "CA", "postal_code": "", "country": "US"}
    assert order["pickup_address"] == placed["pickup_address"] == place
    pending = Order.objects.get()
    page = browser_of(staff).get(url_of("orders.order", "change", pending.pk)).content.decode()
    assert "<h2>Pick-up</h2>" in page
    assert "Shipping address" not in page
    minutes_pass()
    assert "Pick up at:\n    Oakland\n    CA\n    United States" in str(work()[-1].body)
    assert not violations()


def test_only_a_pick_up_that_is_asked_for_needs_no_address(as_customer: APIClient, product: Product) -> None:
    ShippingMethod.objects.filter(code="berlin").update(position=-1)
    add_to_cart(as_customer, product)
    for path in (QUOTE, f"{API}/orders/"):
        for body in ({}, {"shipping_method": None}, {"shipping_method": "standard"}):
            assert refusal(as_customer.post(path, body), 400) == ("required", "shipping_address")
        reply = as_customer.post(path, {"shipping_method": "nothing"})
        assert refusal(reply, 400) == ("invalid_shipping_method", "shipping_method")
    assert not Order.objects.exists()
    billing = {**ADDRESS, "country": "DE", "tax_id": "DE136695976"}
    order = place_order(as_customer, None, shipping_address=None, shipping_method="berlin", billing_address=billing)
    assert (order["shipping_address"], order["billing_address"]["tax_id"]) == (None, "DE136695976")


def test_a_quote_shows_the_prices_that_orders_charge(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    prices: list[dict[str, str]] = []
    for _ in range(2):
        listed = {}
        for each in as_customer.post(QUOTE, {"shipping_address": ADDRESS}).json()["shipping_methods"]:
            body = {"shipping_address": ADDRESS, "shipping_method": each["code"]}
            assert as_customer.post(QUOTE, body).json()["shipping"] == each["price"]
            listed[each["code"]] = each["price"]
        prices.append(listed)
        Promotion.objects.create(automatic=True, kind="free_shipping", name="Free")
    assert prices == [
        {"standard": "4.90", "berlin": "0.00", "oakland": "2.00"},
        {"standard": "0.00", "berlin": "0.00", "oakland": "0.00"},
    ]


def test_clients_see_which_methods_are_pick_ups(anonymous: APIClient) -> None:
    methods = anonymous.get(f"{API}/shipping-methods/").json()
    assert {each["code"]: each["is_pickup"] for each in methods} == {
        "standard": False,
        "berlin": True,
        "oakland": True,
    }


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.mark.parametrize(
    ("form", "refused"),
    [
        ({"is_pickup": "on", "pickup_country": "DE"}, ""),
        ({"is_pickup": "on", "pickup_country": "US", "pickup_state": "CA"}, ""),
        ({}, ""),
        ({"is_pickup": "on"}, "Enter the country of the pick-up"),
        ({"is_pickup": "on", "pickup_country": "XX"}, "Enter a two-letter ISO 3166 country code"),
        ({"pickup_country": "DE"}, "Only pick-ups have an address."),
    ],
)
def test_staff_set_the_place_of_a_pick_up(browser: Client, form: dict[str, str], refused: str) -> None:
    sent: dict[str, Any] = {"name": "Shop", "code": "shop", "price": "0", "position": "3", "is_active": "on"}
    sent |= {"rates-TOTAL_FORMS": "0", "rates-INITIAL_FORMS": "0"}
    page = browser.post(url_of("orders.shippingmethod", "add"), {**sent, **form})
    saved = ShippingMethod.objects.filter(code="shop").first()
    if refused:
        assert refused in page.content.decode()
        assert saved is None
    else:
        assert page.status_code == 302
        assert (saved.is_pickup, saved.pickup_country) == ("is_pickup" in form, form.get("pickup_country", ""))
