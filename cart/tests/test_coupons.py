"""Coupons on a cart: conditions, discounts, limits."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from cart.models import Cart
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product
from conftest import ADDRESS
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

COUPON = f"{API}/cart/coupon/"
A_DAY = timedelta(days=1)


@pytest.fixture
def make_coupon(db: None) -> Callable[..., Promotion]:
    def make(code: str = "TENTH", kind: str = "percentage", value: str = "10", **fields: Any) -> Promotion:
        return Promotion.objects.create(code=code, kind=kind, value=Decimal(value), **fields)

    return make


@pytest.fixture
def goods_of_30(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    add_to_cart(as_customer, make_product(price="10.00"), 3)


@pytest.mark.parametrize(
    ("kind", "value", "discount", "total"),
    [
        ("percentage", "10", "3.00", "27.00"),
        ("percentage", "33.335", "10.00", "20.00"),
        ("percentage", "100", "30.00", "0.00"),
        ("percentage", "250", "30.00", "0.00"),
        ("fixed", "12.34", "12.34", "17.66"),
        ("fixed", "99", "30.00", "0.00"),
    ],
)
def test_a_coupon_takes_its_share_off_but_never_more_than_the_goods_cost(
    as_customer: APIClient,
    goods_of_30: None,
    make_coupon: Callable[..., Promotion],
    kind: str,
    value: str,
    discount: str,
    total: str,
) -> None:
    make_coupon(kind=kind, value=value)
    reply = as_customer.put(COUPON, {"code": "TENTH"})
    assert reply.status_code == 200
    cart = reply.json()
    assert (cart["subtotal"], cart["discount"], cart["total"], cart["coupon"]) == ("30.00", discount, total, "TENTH")
    assert cart["warnings"] == []
    assert Promotion.objects.get().used == 0


def test_a_cart_says_which_coupon_took_what_from_each_line(
    as_customer: APIClient, make_product: Callable[..., Product], make_coupon: Callable[..., Promotion]
) -> None:
    coupon = make_coupon(kind="fixed", value="10.00")
    add_to_cart(as_customer, make_product(price="10.00"), 2)
    add_to_cart(as_customer, make_product(price="10.00"))
    assert cart_of(as_customer)["discounts"] == []
    cart = as_customer.put(COUPON, {"code": "TENTH"}).json()
    taken = {"promotion": str(coupon.pk), "code": "TENTH", "label": "TENTH", "amount": "10.00"}
    assert cart["discounts"] == [taken]
    assert [item["discount"] for item in cart["items"]] == ["6.67", "3.33"]
    assert (cart["discount"], cart["item_count"]) == ("10.00", 3)


@pytest.mark.parametrize("typed", ["tenth", " Tenth ", "TENTH", "TEN\u200bTH", "ＴＥＮＴＨ", "\ufefftenth"])
def test_a_code_may_be_typed_in_either_case(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion], typed: str
) -> None:
    make_coupon()
    assert as_customer.put(COUPON, {"code": typed}).json()["coupon"] == "TENTH"


def test_a_code_is_stored_as_shoppers_type_it(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion]
) -> None:
    make_coupon(code="ｓｕｍｍｅr\u200b")
    assert Promotion.objects.get().code == "SUMMER"
    assert as_customer.put(COUPON, {"code": "summer"}).json()["coupon"] == "SUMMER"
    assert as_customer.get("/api/v1/cart/").json()["warnings"] == []
    with pytest.raises(IntegrityError):
        make_coupon(code="Summer")
    make_coupon(code="autumn\u201310")
    assert as_customer.put(COUPON, {"code": "AUTUMN\u201110"}).json()["coupon"] == "AUTUMN-10"


UNUSABLE = {
    "INACTIVE": {"is_active": False},
    "FUTURE": {"valid_from": timezone.now() + A_DAY},
    "EXPIRED": {"valid_until": timezone.now() - A_DAY},
    "USEDUP": {"usage_limit": 2, "used": 2},
    "NONELEFT": {"usage_limit": 0},
    # While the code is unusable, its minimum is not revealed either.
    "COSTLY": {"minimum_subtotal": Decimal(5000), "valid_from": timezone.now() + A_DAY},
}


@pytest.mark.parametrize("guest", [False, True], ids=["a customer", "a guest"])
def test_an_unusable_code_is_refused_like_one_that_does_not_exist(
    as_customer: APIClient,
    anonymous: APIClient,
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Promotion],
    guest: bool,
) -> None:
    shopper = anonymous if guest else as_customer
    reply = shopper.post(f"{API}/cart/items/", {"product": str(make_product(price="10.00").pk)})
    headers = {"X-Cart-Token": reply["X-Cart-Token"]} if guest else {}
    for code, fields in UNUSABLE.items():
        make_coupon(code, **fields)
    replies, asked = {}, {}
    for code in ("NOSUCH", *UNUSABLE):
        with count_commands() as commands:
            replies[code] = shopper.put(COUPON, {"code": code}, headers=headers)
        asked[code] = [(command.name, command.collection) for command in commands]
    assert refusal(replies["NOSUCH"], 400) == ("invalid_coupon", "code")
    assert {reply.content for reply in replies.values()} == {replies["NOSUCH"].content}
    assert {code: commands for code, commands in asked.items() if commands != asked["NOSUCH"]} == {}
    cart = shopper.get(f"{API}/cart/", headers=headers).json()
    assert (cart["coupon"], cart["total"], cart["warnings"]) == (None, "10.00", [])


def test_a_coupon_below_its_minimum_waits_on_the_cart_and_says_what_it_needs(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion], shipping: Any
) -> None:
    make_coupon(minimum_subtotal=Decimal("40.00"))
    reply = as_customer.put(COUPON, {"code": "TENTH"})
    assert reply.status_code == 200
    cart = reply.json()
    assert (cart["coupon"], cart["discount"], cart["total"]) == ("TENTH", "0.00", "30.00")
    needs = "This coupon requires a cart of at least 40.00."
    assert cart["warnings"] == [{"code": "coupon_minimum", "item": None, "detail": needs}]
    for path in ("orders/", "orders/quote/"):
        reply = as_customer.post(f"{API}/{path}", {"shipping_address": ADDRESS})
        assert refusal(reply, 400) == ("invalid_coupon", "code")
        assert reply.json()["errors"][0]["detail"] == needs
    item = cart["items"][0]["id"]
    cart = as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": 4}).json()
    assert (cart["discount"], cart["total"], cart["warnings"]) == ("4.00", "36.00", [])
    assert Promotion.objects.get().used == 0


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"is_active": False}, "This coupon does not exist."),
        ({"valid_until": timezone.now() - A_DAY}, "This coupon has expired."),
        ({"usage_limit": 0}, "This coupon has reached its usage limit."),
    ],
)
def test_a_coupon_on_the_cart_that_cannot_be_used_any_more_says_why(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion], fields: dict, why: str
) -> None:
    make_coupon()
    as_customer.put(COUPON, {"code": "TENTH"})
    Promotion.objects.update(**fields)
    warnings = cart_of(as_customer)["warnings"]
    assert [(each["code"], each["detail"]) for each in warnings] == [("invalid_coupon", why)]


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_from": timezone.now() - A_DAY, "valid_until": timezone.now() + A_DAY},
        {"minimum_subtotal": Decimal("30.00")},
        {"usage_limit": 3, "used": 2},
    ],
)
def test_a_coupon_at_the_edge_of_its_conditions_can_be_used(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion], fields: dict
) -> None:
    make_coupon(**fields)
    assert as_customer.put(COUPON, {"code": "TENTH"}).json()["discount"] == "3.00"


def test_a_limit_per_user_counts_only_that_users_uses(
    as_customer: APIClient,
    customer: User,
    staff: User,
    as_staff: APIClient,
    make_product: Callable[..., Product],
    goods_of_30: None,
    make_coupon: Callable[..., Promotion],
) -> None:
    coupon = make_coupon(usage_limit_per_customer=1)
    PromotionUse.objects.create(promotion=coupon, user=customer, order_number="EARLIER")
    reply = as_customer.put(COUPON, {"code": "TENTH"})
    assert refusal(reply, 400) == ("invalid_coupon", "code")
    assert reply.content == as_customer.put(COUPON, {"code": "NOSUCH"}).content
    add_to_cart(as_staff, make_product(price="10.00"))
    assert as_staff.put(COUPON, {"code": "TENTH"}).json()["discount"] == "1.00"


@pytest.mark.parametrize("code", ["NOSUCH", ".*", "TEN", "", " ", None, 7, {"$gt": ""}, "x" * 41])
def test_an_unknown_or_malformed_code_is_a_400(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion], code: Any
) -> None:
    make_coupon()
    assert refusal(as_customer.put(COUPON, {"code": code}), 400)[1] == "code"
    assert cart_of(as_customer)["coupon"] is None


def test_a_coupon_is_removed_and_another_one_takes_its_place(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion]
) -> None:
    make_coupon()
    make_coupon("FIVER", "fixed", "5")
    as_customer.put(COUPON, {"code": "TENTH"})
    assert as_customer.put(COUPON, {"code": "FIVER"}).json()["total"] == "25.00"
    for _ in range(2):
        reply = as_customer.delete(COUPON)
        assert reply.status_code == 200
        assert (reply.json()["coupon"], reply.json()["total"]) == (None, "30.00")


def test_emptying_a_cart_takes_its_coupon_off(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion]
) -> None:
    make_coupon()
    as_customer.put(COUPON, {"code": "TENTH"})
    assert as_customer.delete(f"{API}/cart/").json()["coupon"] is None


def test_a_coupon_that_stops_being_good_stays_on_the_cart_as_a_warning_without_a_discount(
    as_customer: APIClient, goods_of_30: None, make_coupon: Callable[..., Promotion]
) -> None:
    make_coupon(minimum_subtotal=Decimal(20))
    as_customer.put(COUPON, {"code": "TENTH"})
    item = cart_of(as_customer)["items"][0]["id"]
    cart = as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": 1}).json()
    assert (cart["coupon"], cart["discount"], cart["total"]) == ("TENTH", "0.00", "10.00")
    assert [(each["code"], each["item"]) for each in cart["warnings"]] == [("coupon_minimum", None)]
    cart = as_customer.patch(f"{API}/cart/items/{item}/", {"quantity": 2}).json()
    assert (cart["discount"], cart["warnings"]) == ("2.00", [])


def test_a_guests_coupon_comes_along_at_login(
    anonymous: APIClient, customer: User, make_product: Callable[..., Product], make_coupon: Callable[..., Promotion]
) -> None:
    make_coupon()
    reply = anonymous.post(f"{API}/cart/items/", {"product": str(make_product(price="10.00").pk)})
    token = {"X-Cart-Token": reply["X-Cart-Token"]}
    assert anonymous.put(COUPON, {"code": "tenth"}, headers=token).json()["total"] == "9.00"
    login = {"email": customer.email, "password": "correct-horse-battery"}
    tokens = anonymous.post(f"{API}/auth/login/", login, headers=token).json()
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    assert cart_of(anonymous)["total"] == "9.00"


def test_a_guest_without_a_cart_can_put_no_coupon_on_it(
    anonymous: APIClient, make_coupon: Callable[..., Promotion]
) -> None:
    reply = anonymous.put(COUPON, {"code": "NOSUCH"})
    assert refusal(reply, 400) == ("invalid_coupon", "code")
    assert "X-Cart-Token" not in reply
    assert not Cart.objects.exists()
