"""Orders that are picked up are taxed at the place of pick-up, whatever the address."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod, TaxRate
from shop.dev.testing.admin import browser_of, url_of
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
