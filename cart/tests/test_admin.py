"""Staff manage coupons and view carts in the admin."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from cart import services
from cart.models import Cart, Coupon, CouponUse
from cart.owners import CartOwner
from catalog.models import Product, Variant
from shop.dev.testing.admin import browser_of, errors_of, filled_in, url_of
from shop.dev.testing.steps import API, add_to_cart


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def add_coupon(browser: Client, **fields: Any) -> Any:
    url = url_of("cart.coupon", "add")
    return browser.post(url, filled_in(browser.get(url)) | fields, follow=True)


def test_a_coupon_is_made_with_its_code_in_capitals(browser: Client) -> None:
    add_coupon(browser, code=" spring ", kind="percentage", value="10", usage_limit="5")
    coupon = Coupon.objects.get()
    assert (coupon.code, coupon.value, coupon.minimum_subtotal, coupon.usage_limit) == ("SPRING", 10, 0, 5)


def test_a_coupon_that_makes_no_sense_is_refused(browser: Client) -> None:
    assert set(errors_of(add_coupon(browser, code="A", kind="percentage", value="101"))) == {"value"}
    dates = {
        "valid_from_0": "2026-02-01",
        "valid_from_1": "00:00",
        "valid_until_0": "2026-01-01",
        "valid_until_1": "00:00",
    }
    assert set(errors_of(add_coupon(browser, code="A", kind="fixed", value="5", **dates))) == {"valid_until"}
    assert not Coupon.objects.exists()


def test_a_code_that_exists_is_refused_in_any_case(browser: Client) -> None:
    Coupon.objects.create(code="SPRING", kind="fixed", value="5")
    assert set(errors_of(add_coupon(browser, code="spring", kind="fixed", value="5"))) == {"code"}


def test_how_often_a_coupon_was_used_survives_an_edit(browser: Client) -> None:
    coupon = Coupon.objects.create(code="SPRING", kind="fixed", value="5")
    url = url_of("cart.coupon", "change", coupon.pk)
    data = filled_in(browser.get(url))
    Coupon.objects.update(used=3)
    browser.post(url, data | {"value": "6"})
    coupon.refresh_from_db()
    assert (coupon.value, coupon.used) == (6, 3)


def test_a_limit_below_what_was_used_is_refused(browser: Client) -> None:
    coupon = Coupon.objects.create(code="SPRING", kind="fixed", value="5", used=3)
    url = url_of("cart.coupon", "change", coupon.pk)
    data = filled_in(browser.get(url))
    assert set(errors_of(browser.post(url, data | {"usage_limit": "2"}))) == {"usage_limit"}
    assert browser.post(url, data | {"usage_limit": "3"}).status_code == 302
    coupon.refresh_from_db()
    assert coupon.usage_limit == 3


def test_a_coupon_that_orders_were_placed_with_is_not_deleted(browser: Client, customer: User) -> None:
    used, unused = (Coupon.objects.create(code=code, kind="fixed", value="5") for code in ("USED", "UNUSED"))
    CouponUse.objects.create(coupon=used, user=customer, order_number="A")
    for coupon in (used, unused):
        browser.post(url_of("cart.coupon", "delete", coupon.pk), {"post": "yes"})
    assert list(Coupon.objects.all()) == [used]
    page = browser.get(url_of("cart.coupon", "delete", used.pk)).content.decode()
    assert "Orders were placed with USED. Deactivate it instead." in page
    assert "delete_selected" not in browser.get(url_of("cart.coupon")).content.decode()


def test_a_cart_is_called_after_its_owner(browser: Client, customer: User) -> None:
    cart = Cart.objects.create(user=customer)
    assert "cart of ada@example.com" in browser.get(url_of("cart.cart", "change", cart.pk)).content.decode()


def test_a_cart_shows_its_items_and_deleted_products(
    browser: Client, customer: User, make_product: Callable[..., Product]
) -> None:
    for product in (make_product("Linen shirt"), make_product("Hat")):
        variant = Variant.objects.get(product=product)
        cart = services.add_item(owner=CartOwner(user=customer), variant=variant.pk, quantity=2).cart
    Product.objects.get(name="Hat").delete()
    text = browser.get(url_of("cart.cart", "change", cart.pk)).content.decode()
    assert "Linen shirt" in text
    assert "deleted product" in text


# --- Percentages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "percent"), [("jpy", "12.5"), ("jpy", "7.125"), ("usd", "33.333"), ("kwd", "0.5")]
)
def test_a_percentage_has_its_own_decimals_in_every_currency(
    browser: Client, settings: Any, currency: str, percent: str
) -> None:
    settings.CURRENCY = currency
    add_coupon(browser, code="PART", kind="percentage", value=percent)
    assert Coupon.objects.get().value == Decimal(percent)
    page = browser.get(url_of("cart.coupon", "change", Coupon.objects.get().pk))
    assert filled_in(page)["value"] == percent


@pytest.mark.parametrize(("currency", "value"), [("jpy", "12.5"), ("usd", "1.005"), ("kwd", "0.001"), ("usd", "-1")])
def test_a_fixed_amount_is_money(browser: Client, settings: Any, currency: str, value: str) -> None:
    settings.CURRENCY = currency
    assert set(errors_of(add_coupon(browser, code="SUM", kind="fixed", value=value))) == {"value"}
    assert not Coupon.objects.exists()


def test_a_percentage_takes_its_part_of_a_cart_in_yen(
    settings: Any, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    settings.CURRENCY = "jpy"
    Coupon.objects.create(code="EIGHTH", kind="percentage", value="12.5")
    add_to_cart(as_customer, make_product(price="1000"))
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "EIGHTH"}).json()["discount"] == "125"
