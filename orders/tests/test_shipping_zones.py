"""Shipping by zone: which methods serve an address and a cart, and at which price."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from cart.revisions import PriceRevision
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod, ShippingRate, ShippingZone
from shop import audit
from shop.dev.testing.admin import browser_of, errors_of, filled_in, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order, run_concurrently

pytestmark = pytest.mark.django_db

ORDERS, QUOTE, ADDRESSES = f"{API}/orders/", f"{API}/orders/quote/", f"{API}/users/me/addresses/"


def rate(method: ShippingMethod, zone: str, price: str, **band: Any) -> None:
    ShippingRate.objects.create(method=method, zone=ShippingZone.objects.get(name=zone), price=price, **band)


@pytest.fixture(autouse=True)
def methods(db: None) -> None:
    """Standard has rates in all zones but Helgoland's, express in the EU, the pick-up none."""
    for name, places in {
        "EU": {"countries": ["DE", "FR"]},
        "Sylt": {"postal_codes": ["DE 25980..25999"]},
        "Northern Ireland": {"postal_codes": ["GB BT*"]},
        "Helgoland": {"postal_codes": ["DE 27498"]},
        "US": {"countries": ["US"]},
        "Hawaii": {"states": ["US-HI"]},
        "Honolulu": {"postal_codes": ["US 96801..96850"]},
        "Rest": {},
    }.items():
        ShippingZone.objects.create(name=name, **places)
    make = ShippingMethod.objects.create
    standard = make(code="standard", name="Standard", price="4.90", position=0)
    express = make(code="express", name="Express", price="12.90", position=1, description="Tomorrow")
    make(code="store", name="Store", price="0", position=2, is_pickup=True, pickup_country="DE", pickup_city="Bonn")
    rate(standard, "EU", "5.00", max_weight=2_000, free_from="50.00")
    rate(standard, "EU", "9.00", min_weight=2_000, max_weight=10_000)
    rate(express, "EU", "15.00", max_subtotal="100.00")
    rate(express, "EU", "12.00", min_subtotal="100.00", max_subtotal="500.00")
    for zone, price in {"Sylt": "11", "Northern Ireland": "12", "US": "13", "Hawaii": "14", "Honolulu": "15"}.items():
        rate(standard, zone, price)
    rate(standard, "Rest", "20.00", max_weight=1_000)


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="20.00", stock=100, weight=400)


def place(country: str, state: str = "", postal_code: str = "") -> dict[str, str]:
    return {"country": country, "state": state, "postal_code": postal_code}


def offered(client: APIClient, destination: dict[str, str], **body: Any) -> dict[str, str]:
    """Return the prices of a quote's methods, whose default is the first."""
    reply = client.post(QUOTE, {"shipping_address": destination, **body})
    assert reply.status_code == 200, reply.content
    found = {each["code"]: each["price"] for each in reply.json()["shipping_methods"]}
    chosen = body.get("shipping_method") or next(iter(found))
    assert (reply.json()["shipping_method"], reply.json()["shipping"]) == (chosen, found[chosen])
    return found


EU = {"standard": "5.00", "express": "15.00", "store": "0.00"}
PLACES = [
    (place("DE"), EU),
    (place("FR", postal_code="25985"), EU),
    (place("DE", postal_code="25979"), EU),
    (place("DE", postal_code="25980"), {"standard": "11.00", "store": "0.00"}),
    (place("DE", postal_code="d 25999"), EU),
    (place("DE", postal_code="259 99"), {"standard": "11.00", "store": "0.00"}),
    (place("DE", postal_code="２５９８０"), {"standard": "11.00", "store": "0.00"}),
    (place("DE", postal_code="26000"), EU),
    # A zone without a method.
    (place("DE", postal_code="27498"), {"store": "0.00"}),
    (place("DE", postal_code="2749"), EU),
    (place("GB", postal_code="bt1 5gs"), {"standard": "12.00", "store": "0.00"}),
    (place("GB", postal_code="B1 1BT"), {"standard": "20.00", "store": "0.00"}),
    (place("US", "CA"), {"standard": "13.00", "store": "0.00"}),
    (place("US", "Hawaii", "96701"), {"standard": "14.00", "store": "0.00"}),
    (place("US", "HI", "96815-1234"), {"standard": "15.00", "store": "0.00"}),
    (place("JP"), {"standard": "20.00", "store": "0.00"}),
]


def test_the_closest_zone_of_an_address_decides_methods_and_prices(
    as_customer: APIClient, product: Product, subtests: pytest.Subtests
) -> None:
    add_to_cart(as_customer, product)
    before = dump_database()
    for destination, expected in PLACES:
        with subtests.test(" ".join(destination.values())):
            assert offered(as_customer, destination) == expected
    assert dump_database() == before
    reply = as_customer.post(QUOTE, {"shipping_address": place("DE")}).json()
    assert reply["shipping_methods"][1:] == [
        {
            "code": "express",
            "name": "Express",
            "price": "15.00",
            "description": "Tomorrow",
            "is_pickup": False,
            "pickup_address": None,
        },
        {
            "code": "store",
            "name": "Store",
            "price": "0.00",
            "description": "",
            "is_pickup": True,
            "pickup_address": {
                "name": "Store",
                "line1": "",
                "line2": "",
                "postal_code": "",
                "city": "Bonn",
                "country": "DE",
                "state": "",
            },
        },
    ]
    with count_commands() as commands:
        assert as_customer.post(QUOTE, {"shipping_address": place("DE")}).status_code == 200
    # The account, and all that a quote needs.
    assert len(commands) == 2, str(commands)
    order = place_order(as_customer, shipping_address={**ADDRESS, "country": "DE"}, shipping_method="express")
    assert (order["shipping_method"], order["shipping"], order["total"]) == ("express", "15.00", "35.00")


BANDS = [
    # Quantity, coupon; standard and express.
    (1, "", "5.00", "15.00"),
    (2, "", "5.00", "15.00"),
    (3, "", "0.00", "15.00"),
    # After the discount.
    (3, "TEN.OFF", "0.00", "15.00"),
    (3, "TWENTY", "5.00", "15.00"),
    # Both bands include 2 kg, and 100.00: the lower price counts.
    (5, "", "0.00", "12.00"),
    (5, "TWENTY", "0.00", "15.00"),
    (6, "", "9.00", "12.00"),
    (25, "", "9.00", "12.00"),
    (26, "", None, None),
]


def test_the_band_of_weight_and_subtotal_decides_the_price(
    as_customer: APIClient, product: Product, subtests: pytest.Subtests
) -> None:
    for code, value in (("TEN.OFF", 10), ("TWENTY", 20)):
        Promotion.objects.create(code=code, kind="fixed", value=Decimal(value))
    for quantity, coupon, standard, express in BANDS:
        with subtests.test(f"{quantity} with {coupon}"):
            as_customer.delete(f"{API}/cart/")
            add_to_cart(as_customer, product, quantity)
            if coupon:
                assert as_customer.put(f"{API}/cart/coupon/", {"code": coupon}).status_code == 200
            expected = {"standard": standard, "express": express, "store": "0.00"}
            assert offered(as_customer, place("DE")) == {
                code: price for code, price in expected.items() if price is not None
            }


def test_a_product_that_ships_free_counts_for_no_band(
    as_customer: APIClient, make_product: Callable[..., Product], product: Product
) -> None:
    sofa = make_product(price="900.00", weight=40_000, free_shipping=True)
    add_to_cart(as_customer, sofa)
    assert offered(as_customer, place("DE")) == {"standard": "0.00", "express": "0.00", "store": "0.00"}
    assert offered(as_customer, place("DE", postal_code="27498")) == {"store": "0.00"}
    add_to_cart(as_customer, product)
    assert offered(as_customer, place("DE")) == EU
    ShippingRate.objects.all().delete()
    assert offered(as_customer, place("DE")) == {"standard": "4.90", "express": "12.90", "store": "0.00"}
    as_customer.delete(f"{API}/cart/")
    add_to_cart(as_customer, sofa)
    assert offered(as_customer, place("JP")) == {"standard": "0.00", "express": "0.00", "store": "0.00"}


def test_a_method_that_does_not_serve_the_address_is_refused(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    heavy = {"shipping_address": {**ADDRESS, "country": "JP", "state": "Tokyo"}}
    no_state = {"shipping_address": {**ADDRESS, "country": "US", "state": "Atlantis", "postal_code": "96815"}}
    before = dump_database()
    for url in (QUOTE, ORDERS):
        reply = as_customer.post(url, {**heavy, "shipping_method": "express"})
        assert refusal(reply, 400) == ("invalid_shipping_method", "shipping_method")
        assert "does not serve" in reply.json()["errors"][0]["detail"]
        # Only a pick-up needs no state in a country that has a zone by state.
        assert as_customer.post(QUOTE, {**no_state, "shipping_method": "store"}).status_code == 200
        reply = as_customer.post(url, {**no_state, "shipping_method": "standard"})
        assert refusal(reply, 400) == ("unknown_state", "shipping_address.state")
    ShippingMethod.objects.filter(code="store").update(is_active=False)
    assert refusal(as_customer.post(ADDRESSES, no_state["shipping_address"]), 400) == ("unknown_state", "state")
    for url in (QUOTE, ORDERS):
        reply = as_customer.post(url, {"shipping_address": {**ADDRESS, "country": "DE", "postal_code": "27498"}})
        assert refusal(reply, 400) == ("no_shipping_method", "shipping_address")
        assert refusal(as_customer.post(url, no_state), 400) == ("unknown_state", "shipping_address.state")
    assert not Order.objects.exists()
    ShippingMethod.objects.filter(code="store").update(is_active=True)
    counts_changes = {PriceRevision._meta.db_table: []}
    assert dump_database() | counts_changes == before | counts_changes


def test_a_place_is_no_address_to_order_to(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    reply = as_customer.post(ORDERS, {"shipping_address": place("DE")})
    assert {error["attr"] for error in reply.json()["errors"]} == {
        f"shipping_address.{name}" for name in ("name", "line1")
    }
    assert refusal(as_customer.post(QUOTE, {"shipping_address": {"postal_code": "1"}}), 400) == (
        "required",
        "shipping_address.country",
    )


# --- The admin --------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def test_staff_enter_the_places_of_a_zone_as_text(browser: Client) -> None:
    url = url_of("orders.shippingzone", "add")
    empty = filled_in(browser.get(url))
    page = browser.post(
        url, empty | {"name": "X", "countries": "DE, XX", "states": "US-ZZ", "postal_codes": "DE 9..10"}
    )
    assert set(errors_of(page)) == {"countries", "states", "postal_codes"}
    typed = {
        "countries": "de\nat,de,",
        "states": "us California, CA-QC",
        "postal_codes": "gb bt*, DE 1000 ... 2000\nus 96701-1",
    }
    assert browser.post(url, empty | {"name": "X"} | typed).status_code == 302
    zone = ShippingZone.objects.get(name="X")
    assert (zone.countries, zone.states) == (["DE", "AT"], ["US-CA", "CA-QC"])
    assert zone.postal_codes == ["GB BT*", "DE 1000..2000", "US 96701"]
    url = url_of("orders.shippingzone", "change", zone.pk)
    assert browser.post(url, filled_in(browser.get(url)) | {"countries": ""}).status_code == 302
    zone.refresh_from_db()
    assert (zone.countries, zone.states) == ([], ["US-CA", "CA-QC"])
    browser.post(url_of("orders.shippingzone", "delete", zone.pk), {"post": "yes"})
    used = ShippingZone.objects.get(name="Sylt")
    browser.post(url_of("orders.shippingzone", "delete", used.pk), {"post": "yes"})
    assert set(ShippingZone.objects.filter(name__in=["X", "Sylt"])) == {used}


def test_staff_set_the_prices_of_a_method_by_zone(browser: Client) -> None:
    method, zone = ShippingMethod.objects.get(code="store"), ShippingZone.objects.get(name="EU")
    url = url_of("orders.shippingmethod", "change", method.pk)
    data = filled_in(browser.get(url)) | {
        "rates-TOTAL_FORMS": "1",
        "rates-0-zone": str(zone.pk),
        "rates-0-price": "2.00",
    }
    page = browser.post(url, data | {"rates-0-min_weight": "10", "rates-0-max_weight": "9"})
    assert set(errors_of(page)) == {"rates-0-max_weight"}
    assert browser.post(url, data | {"rates-0-max_weight": "9", "rates-0-free_from": "7.50"}).status_code == 302
    made = method.rates.get()
    assert (made.zone, made.price, made.max_weight, made.free_from) == (zone, 2, 9, Decimal("7.5"))
    page = browser.get(url_of("orders.shippingmethod")).content.decode()
    assert "EU, Sylt" in page
    assert "5.00 USD – 20.00 USD" in page


def test_a_zone_is_not_deleted_while_it_gets_a_price(staff: User) -> None:
    method, zone = ShippingMethod.objects.get(code="store"), ShippingZone.objects.get(name="Helgoland")
    change = url_of("orders.shippingmethod", "change", method.pk)
    data = filled_in(browser_of(staff).get(change)) | {"rates-TOTAL_FORMS": "1"}
    data |= {"rates-0-zone": str(zone.pk), "rates-0-price": "2.00"}
    delete = url_of("orders.shippingzone", "delete", zone.pk)
    save_price, delete_zone = browser_of(staff), browser_of(staff)
    run_concurrently(lambda: save_price.post(change, data), lambda: delete_zone.post(delete, {"post": "yes"}))
    assert method.rates.exists() == ShippingZone.objects.filter(pk=zone.pk).exists()
    assert audit.violations() == []
