"""Totals of an order: items, discount, shipping, tax of the destination."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod, TaxRate
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ORDERS = f"{API}/orders/"
AMOUNTS = ("subtotal", "discount", "shipping", "tax", "total")


def quoted(client: APIClient, **body: Any) -> dict[str, Any]:
    """Return the quote for the cart, which must not write anything."""
    before = dump_database()
    reply = client.post(f"{ORDERS}quote/", {"shipping_address": ADDRESS, **body})
    assert reply.status_code == 200, reply.content
    assert dump_database() == before
    return reply.json()


def to(country: str, state: str = "") -> dict[str, str]:
    return {**ADDRESS, "country": country, "state": state}


@pytest.fixture
def rates(db: None) -> None:
    TaxRate.objects.create(country="US", rate=Decimal("5"), applies_to_shipping=False)
    TaxRate.objects.create(country="US", state="CA", rate=Decimal("7.25"))
    TaxRate.objects.create(country="DE", rate=Decimal("19"))


def test_a_quote_equals_the_order_it_is_for_and_writes_nothing(
    as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod, rates: None
) -> None:
    Promotion.objects.create(code="TENTH", kind="percentage", value=Decimal(10))
    for price, quantity in (("9.99", 3), ("0.05", 1)):
        add_to_cart(as_customer, make_product(price=price), quantity)
    as_customer.put(f"{API}/cart/coupon/", {"code": "TENTH"})
    quote = quoted(as_customer, shipping_address=to("DE"), note="Hello", expected_total="1.00")
    order = place_order(as_customer, shipping_address=to("DE"), expected_total=quote["total"])
    only_quoted = {"prices_include_tax", "shipping_methods"}
    for ordered, line in zip(order["lines"], quote["lines"], strict=True):
        assert ordered == {**ordered, **line}
        line |= ordered
    assert {name: order[name] for name in quote.keys() - only_quoted} == {
        name: quote[name] for name in quote.keys() - only_quoted
    }
    assert quote["prices_include_tax"] is False


def test_an_empty_cart_has_no_quote(as_customer: APIClient) -> None:
    reply = as_customer.post(f"{ORDERS}quote/", {"shipping_address": ADDRESS})
    assert refusal(reply, 400) == ("empty_cart", None)


@pytest.mark.parametrize(
    ("address", "tax", "total"),
    [
        (to("GB"), "0.00", "104.90"),
        (to("DE"), "19.93", "124.83"),
        (to("DE", "Bayern"), "19.93", "124.83"),
        (to("US", "NY"), "5.00", "109.90"),
        (to("US", "CA"), "7.61", "112.51"),
        (to("US", " ca "), "7.61", "112.51"),
    ],
)
def test_the_destination_decides_the_tax(
    as_customer: APIClient,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    rates: None,
    address: dict,
    tax: str,
    total: str,
) -> None:
    add_to_cart(as_customer, make_product(price="100.00"))
    quote = quoted(as_customer, shipping_address=address)
    assert (quote["tax"], quote["total"]) == (tax, total)


def test_prices_that_include_tax_show_the_tax_and_add_nothing(
    as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod, rates: None, settings: Any
) -> None:
    settings.PRICES_INCLUDE_TAX = True
    add_to_cart(as_customer, make_product(price="119.00"))
    quote = quoted(as_customer, shipping_address=to("DE"))
    # 19.00 of the goods, 0.78 of 4.90 for shipping.
    assert (quote["tax"], quote["total"], quote["prices_include_tax"]) == ("19.78", "123.90", True)
    order = place_order(as_customer, shipping_address=to("DE"))
    assert (order["tax"], order["total"]) == ("19.78", "123.90")
    assert Order.objects.get().prices_include_tax is True


def test_tax_is_rounded_half_up_line_by_line(
    as_customer: APIClient, make_product: Callable[..., Product], rates: None
) -> None:
    # 19 % of 0.50 is 0.095: each line rounds up to 0.10, together they would be 0.19.
    for _ in range(2):
        add_to_cart(as_customer, make_product(price="0.50"))
    assert quoted(as_customer, shipping_address=to("DE"))["tax"] == "0.20"


def test_a_discount_is_spread_over_the_lines_so_that_the_parts_add_up(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    Promotion.objects.create(code="TENNER", kind="fixed", value=Decimal(10))
    for _ in range(3):
        add_to_cart(as_customer, make_product(price="10.00"))
    as_customer.put(f"{API}/cart/coupon/", {"code": "TENNER"})
    order = place_order(as_customer)
    assert [order[name] for name in AMOUNTS] == ["30.00", "10.00", "0.00", "0.00", "20.00"]
    assert [line.discount for line in Order.objects.get().lines] == [Decimal(each) for each in ("3.34", "3.33", "3.33")]


def test_tax_is_on_what_is_left_after_the_discount(
    as_customer: APIClient, make_product: Callable[..., Product], rates: None
) -> None:
    Promotion.objects.create(code="HALF", kind="percentage", value=Decimal(50))
    add_to_cart(as_customer, make_product(price="100.00"))
    as_customer.put(f"{API}/cart/coupon/", {"code": "HALF"})
    quote = quoted(as_customer, shipping_address=to("DE"))
    assert [quote[name] for name in AMOUNTS] == ["100.00", "50.00", "0.00", "9.50", "59.50"]


def test_a_coupon_over_everything_makes_an_order_of_zero(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    Promotion.objects.create(code="GIFT", kind="fixed", value=Decimal(500))
    add_to_cart(as_customer, make_product(price="100.00"))
    as_customer.put(f"{API}/cart/coupon/", {"code": "GIFT"})
    order = place_order(as_customer)
    assert [order[name] for name in AMOUNTS] == ["100.00", "100.00", "0.00", "0.00", "0.00"]
    assert (order["status"], order["payment_status"]) == ("completed", "paid")


def test_a_coupon_is_used_by_placing_and_only_then(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    coupon = Promotion.objects.create(code="ONCE", kind="percentage", value=Decimal(10), usage_limit_per_customer=1)
    add_to_cart(as_customer, make_product())
    as_customer.put(f"{API}/cart/coupon/", {"code": "once"})
    assert (quoted(as_customer)["coupon"], PromotionUse.objects.count()) == ("ONCE", 0)
    order = place_order(as_customer)
    assert order["coupon"] == "ONCE"
    assert PromotionUse.objects.taken().get().order_number == order["number"]
    add_to_cart(as_customer, make_product())
    assert refusal(as_customer.put(f"{API}/cart/coupon/", {"code": coupon.code}), 400)[0] == "invalid_coupon"


def test_a_coupon_that_reached_its_limit_is_a_400_and_nothing_is_written(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    Promotion.objects.create(code="LAST", kind="percentage", value=Decimal(10), usage_limit=1)
    add_to_cart(as_customer, make_product())
    as_customer.put(f"{API}/cart/coupon/", {"code": "LAST"})
    Promotion.objects.update(used=1)
    before = dump_database()
    for path in (ORDERS, f"{ORDERS}quote/"):
        reply = as_customer.post(path, {"shipping_address": ADDRESS})
        assert refusal(reply, 400) == ("invalid_coupon", "code")
    assert dump_database() == before
