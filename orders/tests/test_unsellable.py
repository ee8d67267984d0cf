"""Carts with items that cannot be sold: totals, quote, order, merge at login."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog import services as catalog
from catalog import stock
from catalog.models import Product, Variant
from conftest import ADDRESS, PASSWORD, client_of
from orders.models import Order, ShippingMethod, TaxRate
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import API, add_to_cart, cart_of, dump_database, order_of, place_order, variant_of

pytestmark = pytest.mark.django_db

ORDERS, QUOTE = f"{API}/orders/", f"{API}/orders/quote/"


def sell_out(product: Product) -> None:
    stock.adjust(variant_of(product), to=0)


def sell_most(product: Product) -> None:
    stock.adjust(variant_of(product), to=1)


def deactivate(product: Product) -> None:
    catalog.update_product(product=product, data={"is_active": False})


def delete(product: Product) -> None:
    catalog.delete_product(product=product)


@pytest.mark.parametrize("spoil", [sell_out, sell_most, deactivate, delete])
def test_totals_leave_it_out_and_quote_and_order_answer_alike(
    as_customer: APIClient, make_product: Callable[..., Product], spoil: Callable[[Product], None]
) -> None:
    good, bad = make_product(price="10.00"), make_product(price="7.00")
    add_to_cart(as_customer, good, 2)
    add_to_cart(as_customer, bad, 2)
    assert cart_of(as_customer)["total"] == "34.00"
    spoil(bad)
    cart = cart_of(as_customer)
    assert [cart[name] for name in ("subtotal", "discount", "total")] == ["20.00", "0.00", "20.00"]
    assert len(cart["warnings"]) == 1
    before = dump_database()
    for url in (QUOTE, ORDERS):
        assert refusals(as_customer.post(url, {"shipping_address": ADDRESS}), 409) == [
            ("out_of_stock", "items.1.quantity")
        ]
    assert dump_database() == before


def test_a_discount_is_only_on_what_can_be_sold(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    Promotion.objects.create(code="TENTH", kind="percentage", value=Decimal("12.5"), minimum_subtotal=Decimal(15))
    good, bad = make_product(price="10.00"), make_product(price="7.00")
    add_to_cart(as_customer, good)
    add_to_cart(as_customer, bad)
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "TENTH"}).json()["discount"] == "2.13"
    sell_out(bad)
    cart = cart_of(as_customer)
    # The remaining items do not reach the coupon's minimum.
    assert (cart["discount"], cart["total"]) == ("0.00", "10.00")
    Promotion.objects.update(minimum_subtotal=0)
    cart = cart_of(as_customer)
    assert (cart["discount"], cart["total"]) == ("1.25", "8.75")


def test_a_quote_refuses_the_amounts_that_the_order_would(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    add_to_cart(as_customer, make_product(price="0.10"))
    for url in (QUOTE, ORDERS):
        assert refusal(as_customer.post(url, {"shipping_address": ADDRESS}), 400) == ("amount_too_small", None)


def expire_coupon() -> None:
    Promotion.objects.update(valid_until=timezone.now())


def use_up_coupon() -> None:
    Promotion.objects.update(usage_limit=1, used=1)


def raise_minimum() -> None:
    Promotion.objects.update(minimum_subtotal=Decimal(1000))


def delete_coupon() -> None:
    Promotion.objects.all().delete()


def close_shipping() -> None:
    ShippingMethod.objects.update(is_active=False)


def tax_by_state() -> None:
    TaxRate.objects.create(country="GB", state="ENG", rate=Decimal(20))


def delete_everything() -> None:
    delete(Product.objects.get())


def raise_price() -> None:
    Variant.objects.update(price=Decimal("9999999.00"))


@pytest.mark.parametrize(
    ("change", "body", "code"),
    [
        (expire_coupon, {}, "invalid_coupon"),
        (use_up_coupon, {}, "invalid_coupon"),
        (raise_minimum, {}, "invalid_coupon"),
        (delete_coupon, {}, "invalid_coupon"),
        (close_shipping, {"shipping_method": "standard"}, "invalid_shipping_method"),
        (tax_by_state, {}, "unknown_state"),
        (raise_price, {}, "amount_too_large"),
        (delete_everything, {}, "empty_cart"),
        (None, {"shipping_method": "drone"}, "invalid_shipping_method"),
        (None, {"address_id": "0" * 24}, "ambiguous"),
        (None, {"shipping_address": {**ADDRESS, "country": "ZZ"}}, "invalid"),
        (None, {"note": "x" * 501}, "max_length"),
        (None, {"expected_total": "much"}, "invalid"),
    ],
)
def test_a_quote_refuses_whatever_the_order_would(
    as_customer: APIClient,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    change: Callable[[], None] | None,
    body: dict[str, Any],
    code: str,
) -> None:
    Promotion.objects.create(code="TENTH", kind="percentage", value=10)
    add_to_cart(as_customer, make_product(price="20.00"))
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "TENTH"}).status_code == 200
    if change:
        change()
    before = dump_database()
    replies = [as_customer.post(url, {"shipping_address": ADDRESS, **body}) for url in (QUOTE, ORDERS)]
    assert replies[0].json() == replies[1].json()
    assert [refusal(reply, 400)[0] for reply in replies] == [code, code]
    assert dump_database() == before


def test_a_login_keeps_what_is_sold_out_with_a_warning(
    customer: User, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    first, second, third = make_product(), make_product(), make_product()
    token = anonymous.post(f"{API}/cart/items/", {"product": str(first.pk), "quantity": 2})["X-Cart-Token"]
    for product in (second, third):
        body = {"product": str(product.pk), "quantity": 3}
        assert anonymous.post(f"{API}/cart/items/", body, headers={"X-Cart-Token": token}).status_code == 201
    sell_out(first)
    deactivate(second)
    body = {"email": customer.email, "password": PASSWORD}
    login = anonymous.post(f"{API}/auth/login/", body, headers={"X-Cart-Token": token})
    assert login.status_code == 200
    cart = cart_of(client_of(customer))
    assert [item["quantity"] for item in cart["items"]] == [2, 3, 3]
    assert [(each["code"], each["item"]) for each in cart["warnings"]] == [
        ("out_of_stock", cart["items"][0]["id"]),
        ("unavailable", cart["items"][1]["id"]),
    ]
    assert cart["total"] == "30.00"


# --- Quantity 0 and nulls ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", [lambda product: None, sell_out, deactivate])
def test_a_quantity_of_zero_removes_the_line(
    as_customer: APIClient, make_product: Callable[..., Product], spoil: Callable[[Product], None]
) -> None:
    kept, product = make_product(), make_product()
    add_to_cart(as_customer, kept)
    item = add_to_cart(as_customer, product, 2)["items"][1]["id"]
    spoil(product)
    reply = as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": 0})
    assert (reply.status_code, len(reply.json()["items"]), reply.json()["warnings"]) == (200, 1, [])
    assert as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": 0}).status_code == 404
    assert as_customer.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": 0}).status_code == 400


@pytest.mark.parametrize("quantity", [-1, None, "0", False])
def test_other_odd_quantities_are_refused(
    as_customer: APIClient, make_product: Callable[..., Product], quantity: Any
) -> None:
    item = add_to_cart(as_customer, make_product(), 2)["items"][0]["id"]
    assert as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": quantity}).status_code == 400
    assert cart_of(as_customer)["items"][0]["quantity"] == 2


def test_null_is_empty_in_the_bodies_of_a_purchase(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    body = {"product": str(product.pk), "variant": None}
    assert as_customer.post(f"{API}/cart/items/", body).json()["items"][0]["quantity"] == 1
    nulls = dict.fromkeys(("address_id", "shipping_method", "expected_total", "note"))
    address = {**ADDRESS, **dict.fromkeys(("line2", "state", "company", "tax_id", "phone"))}
    order = place_order(as_customer, shipping_address=address, **nulls)
    assert (order["note"], order["shipping_address"]["phone"]) == ("", "")
    assert as_customer.post(f"{ORDERS}{order['number']}/cancel/", {"reason": None}).status_code == 200
    reply = as_customer.post(QUOTE, {"shipping_address": None, "address_id": None})
    assert refusal(reply, 400) == ("required", "shipping_address")


# --- Order numbers ----------------------------------------------------------------------------------------------------


def test_an_order_is_found_however_its_number_is_typed(
    as_customer: APIClient, as_stranger: APIClient, make_product: Callable[..., Product], simulator: Any
) -> None:
    number = place_order(as_customer, make_product())["number"]
    for typed in (number.lower(), number.title()):
        assert order_of(as_customer, typed)["number"] == number
        assert as_customer.post(f"{API}/payments/", {"order": typed}).json()["order"] == number
        assert as_stranger.get(f"{ORDERS}{typed}/").status_code == 404
    assert as_customer.get(f"{ORDERS}{number[:-1]}/").status_code == 404
    assert as_customer.post(f"{API}/payments/", {"order": number[:-1]}).status_code == 400
    assert as_customer.post(f"{ORDERS}{number.lower()}/cancel/", {}).status_code == 200
    assert Order.objects.get().status == "cancelled"
