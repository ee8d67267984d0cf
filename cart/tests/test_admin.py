"""Staff manage promotions and view carts in the admin."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from cart import services
from cart.models import Cart
from cart.owners import CartOwner
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product, Variant
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import browser_of, errors_of, filled_in, url_of
from shop.dev.testing.steps import API, add_to_cart, cart_of


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def add_coupon(browser: Client, **fields: Any) -> Any:
    url = url_of("cart.promotion", "add")
    return browser.post(url, filled_in(browser.get(url)) | fields, follow=True)


def test_a_coupon_is_made_with_its_code_in_capitals(browser: Client) -> None:
    add_coupon(browser, code=" spring ", kind="percentage", value="10", usage_limit="5")
    coupon = Promotion.objects.get()
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
    assert not Promotion.objects.exists()


def test_a_code_that_exists_is_refused_in_any_case(browser: Client) -> None:
    Promotion.objects.create(code="SPRING", kind="fixed", value="5")
    assert set(errors_of(add_coupon(browser, code="spring", kind="fixed", value="5"))) == {"code"}


def test_how_often_a_coupon_was_used_survives_an_edit(browser: Client) -> None:
    coupon = Promotion.objects.create(code="SPRING", kind="fixed", value="5")
    url = url_of("cart.promotion", "change", coupon.pk)
    data = filled_in(browser.get(url))
    Promotion.objects.update(used=3)
    browser.post(url, data | {"value": "6"})
    coupon.refresh_from_db()
    assert (coupon.value, coupon.used) == (6, 3)


def test_a_limit_below_what_was_used_is_refused(browser: Client) -> None:
    coupon = Promotion.objects.create(code="SPRING", kind="fixed", value="5", used=3)
    url = url_of("cart.promotion", "change", coupon.pk)
    data = filled_in(browser.get(url))
    assert set(errors_of(browser.post(url, data | {"usage_limit": "2"}))) == {"usage_limit"}
    assert browser.post(url, data | {"usage_limit": "3"}).status_code == 302
    coupon.refresh_from_db()
    assert coupon.usage_limit == 3


def test_a_coupon_that_orders_were_placed_with_is_not_deleted(browser: Client, customer: User) -> None:
    used, unused = (Promotion.objects.create(code=code, kind="fixed", value="5") for code in ("USED", "UNUSED"))
    PromotionUse.objects.create(promotion=used, user=customer, order_number="A")
    for coupon in (used, unused):
        browser.post(url_of("cart.promotion", "delete", coupon.pk), {"post": "yes"})
    assert list(Promotion.objects.all()) == [used]
    page = browser.get(url_of("cart.promotion", "delete", used.pk)).content.decode()
    assert "Orders were placed with USED. Deactivate it instead." in page
    assert "delete_selected" not in browser.get(url_of("cart.promotion")).content.decode()


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
    assert "Deleted product" in text


# --- Percentages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "percent"), [("jpy", "12.5"), ("jpy", "7.125"), ("usd", "33.333"), ("kwd", "0.5")]
)
def test_a_percentage_has_its_own_decimals_in_every_currency(
    browser: Client, settings: Any, currency: str, percent: str
) -> None:
    settings.CURRENCY = currency
    add_coupon(browser, code="PART", kind="percentage", value=percent)
    assert Promotion.objects.get().value == Decimal(percent)
    page = browser.get(url_of("cart.promotion", "change", Promotion.objects.get().pk))
    assert filled_in(page)["value"] == percent


@pytest.mark.parametrize(("currency", "value"), [("jpy", "12.5"), ("usd", "1.005"), ("kwd", "0.001"), ("usd", "-1")])
def test_a_fixed_amount_is_money(browser: Client, settings: Any, currency: str, value: str) -> None:
    settings.CURRENCY = currency
    assert set(errors_of(add_coupon(browser, code="SUM", kind="fixed", value=value))) == {"value"}
    assert not Promotion.objects.exists()


def test_a_percentage_takes_its_part_of_a_cart_in_yen(
    settings: Any, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    settings.CURRENCY = "jpy"
    Promotion.objects.create(code="EIGHTH", kind="percentage", value="12.5")
    add_to_cart(as_customer, make_product(price="1000"))
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "EIGHTH"}).json()["discount"] == "125"


# --- Promotions -------------------------------------------------------------------------------------------------------


def test_a_promotion_of_categories_is_made_changed_and_said_in_one_sentence(
    browser: Client, make_category: Callable[..., Any], as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    jackets, hats = make_category("Jackets"), make_category("Hats")
    terms = {"automatic": "on", "kind": "percentage", "value": "20", "applies_to": "categories"}
    refused = add_coupon(browser, **terms)
    assert set(errors_of(refused)) == {"name", "categories"}
    add_coupon(browser, **terms, name="Winter", categories=[str(jackets.pk)], usage_limit_per_customer="1")
    promotion = Promotion.objects.get()
    assert (promotion.automatic, promotion.targets, promotion.shown_code) == (True, [jackets.pk], "")
    url = url_of("cart.promotion", "change", promotion.pk)
    page = browser.get(url)
    assert "20% off Jackets, once per customer" in page.content.decode()
    # Automatic ones that are limited per customer need a verified address.
    assert add_to_cart(as_customer, make_product(price="10.00", category=jackets))["discount"] == "0.00"
    User.objects.update(email_verified=True)
    assert cart_of(as_customer)["discount"] == "2.00"
    browser.post(
        url,
        filled_in(page)
        | {"categories": [str(jackets.pk), str(hats.pk)], "valid_until_0": "2099-12-31", "valid_until_1": "00:00"},
    )
    promotion.refresh_from_db()
    assert promotion.targets == sorted([jackets.pk, hats.pk])
    page = browser.get(url_of("cart.promotion"))
    assert "20% off Jackets and Hats, once per customer" in page.content.decode()
    changed = StaffAction.objects.filter(action="change").get()
    assert (changed.label, "targets" in changed.fields) == ("Winter", True)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"kind": "buy_x_get_y", "value": "100"}, {"buy_quantity", "get_quantity"}),
        ({"kind": "buy_x_get_y", "value": "101", "buy_quantity": "2", "get_quantity": "1"}, {"value"}),
        ({"kind": "percentage", "value": ""}, {"value"}),
        ({"kind": "fixed", "value": "5", "code": ""}, {"code"}),
        ({"kind": "fixed", "value": "5", "applies_to": "products"}, {"products"}),
        ({"kind": "fixed", "value": "5", "applies_to": "products", "products": ["x"]}, {"products"}),
    ],
)
def test_a_promotion_that_lacks_what_its_type_needs_is_refused(browser: Client, fields: dict, refused: set) -> None:
    assert set(errors_of(add_coupon(browser, **{"code": "A"} | fields))) == refused
    assert not Promotion.objects.exists()


def test_the_list_filters_by_state_and_counts_uses_without_the_free_ones(browser: Client) -> None:
    now, day = timezone.now(), timedelta(days=1)
    states = {
        "active": {"usage_limit": 3, "used": 3},
        "scheduled": {"valid_from": now + day},
        "expired": {"valid_until": now - day},
        "inactive": {"is_active": False},
    }
    rows = {
        state: Promotion.objects.create(code=state, kind="fixed", value="5", **fields)
        for state, fields in states.items()
    }
    for number in ("A", "", ""):
        PromotionUse.objects.create(promotion=rows["active"], order_number=number)
    for state, row in rows.items():
        page = browser.get(url_of("cart.promotion"), {"state": state})
        assert list(page.context["cl"].result_list) == [row]
    page = browser.get(url_of("cart.promotion"), {"state": "active"}).content.decode()
    assert "1 of 3" in page
    assert "Limit reached" not in page


def test_a_lower_limit_takes_free_uses_away_but_none_of_orders(browser: Client) -> None:
    promotion = Promotion.objects.create(code="SPRING", kind="fixed", value="5", usage_limit=9, used=3)
    for number in ("A", "", ""):
        PromotionUse.objects.create(promotion=promotion, order_number=number)
    url = url_of("cart.promotion", "change", promotion.pk)
    data = filled_in(browser.get(url))
    assert set(errors_of(browser.post(url, data | {"usage_limit": "0"}))) == {"usage_limit"}
    assert PromotionUse.objects.count() == 3
    assert browser.post(url, data | {"usage_limit": "1"}).status_code == 302
    promotion.refresh_from_db()
    assert (promotion.usage_limit, promotion.used, PromotionUse.objects.get().order_number) == (1, 1, "A")
