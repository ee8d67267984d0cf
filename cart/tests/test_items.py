"""Adding, changing and removing cart lines."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from cart.models import Cart
from catalog.models import Product, Variant
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, stock_of, variant_of

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ITEMS = f"{API}/cart/items/"
NOWHERE = "0" * 24
SHIRTS = [
    {"sku": "SHIRT-S", "options": {"size": "S"}, "price": "15.00", "stock": 3},
    {"sku": "SHIRT-M", "options": {"size": "M"}, "price": "17.50", "stock": 3},
]


def test_a_cart_has_the_shape_of_the_contract(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    shirt = make_product("Shirt", variants=SHIRTS)
    medium = Variant.objects.get(sku="SHIRT-M")
    reply = as_customer.post(ITEMS, {"variant": str(medium.pk), "quantity": 2})

    assert reply.status_code == 201
    cart = reply.json()
    assert cart == {
        "id": str(Cart.objects.get().pk),
        "items": [
            {
                "id": str(Cart.objects.get().lines[0].key),
                "product": {"id": str(shirt.pk), "name": "Shirt", "slug": "shirt", "image": None},
                "image": None,
                "variant": {"id": str(medium.pk), "sku": "SHIRT-M", "options": {"size": "M"}},
                "quantity": 2,
                "backordered": 0,
                "expected_on": None,
                "unit_price": "17.50",
                "line_total": "35.00",
                "discount": "0.00",
                "discounts": [],
            }
        ],
        "item_count": 2,
        "subtotal": "35.00",
        "discount": "0.00",
        "discounts": [],
        "total": "35.00",
        "currency": "usd",
        "coupon": None,
        "warnings": [],
    }
    assert cart_of(as_customer) == cart


def test_an_empty_cart_has_the_same_shape_and_is_not_stored(as_customer: APIClient) -> None:
    assert cart_of(as_customer) == {
        "id": None,
        "items": [],
        "item_count": 0,
        "subtotal": "0.00",
        "discount": "0.00",
        "discounts": [],
        "total": "0.00",
        "currency": "usd",
        "coupon": None,
        "warnings": [],
    }
    assert not Cart.objects.exists()


def test_a_simple_product_is_added_by_its_id_with_the_default_quantity_1(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(price="10.00")
    reply = as_customer.post(ITEMS, {"product": str(product.pk)})
    assert reply.status_code == 201
    assert reply.json()["items"][0]["variant"]["id"] == str(variant_of(product).pk)
    assert reply.json()["items"][0]["quantity"] == 1


def test_the_same_variant_again_adds_up_in_one_line_and_takes_no_stock(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=5)
    add_to_cart(as_customer, product, 2)
    cart = add_to_cart(as_customer, product, 3)
    assert [item["quantity"] for item in cart["items"]] == [5]
    assert stock_of(product) == 5


def test_product_and_variant_may_be_named_together(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(variants=SHIRTS)
    small = Variant.objects.get(sku="SHIRT-S")
    reply = as_customer.post(ITEMS, {"product": str(product.pk), "variant": str(small.pk)})
    assert reply.status_code == 201


def test_a_product_with_several_variants_needs_one_named(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(variants=SHIRTS)
    reply = as_customer.post(ITEMS, {"product": str(product.pk), "quantity": 1})
    assert refusal(reply, 400) == ("variant_required", "variant")
    assert not Cart.objects.exists()


def test_what_is_not_for_sale_cannot_be_added(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    hidden, product, other = make_product(is_active=False), make_product(), make_product()
    inactive = variant_of(make_product("Old"))
    Variant.objects.filter(pk=inactive.pk).update(is_active=False)
    replies = [
        as_customer.post(ITEMS, body)
        for body in (
            {"product": str(hidden.pk)},
            {"variant": str(variant_of(hidden).pk)},
            {"variant": str(inactive.pk)},
            {"product": str(inactive.product_id)},
            {"product": NOWHERE},
            {"variant": NOWHERE},
            {"product": str(product.pk), "variant": str(variant_of(other).pk)},
        )
    ]
    assert {reply.status_code for reply in replies} == {404}
    assert len({reply.content for reply in replies}) == 1
    assert not Cart.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "required", "variant"),
        ({"quantity": 1}, "required", "variant"),
        ({"product": "mug"}, "invalid_id", "product"),
        ({"product": 7}, "invalid_id", "product"),
        ({"variant": {"$gt": ""}}, "invalid_id", "variant"),
        ({"product": None, "variant": None}, "required", "variant"),
    ],
)
def test_a_malformed_id_is_a_400_about_it(as_customer: APIClient, body: dict, code: str, attr: str) -> None:
    assert refusal(as_customer.post(ITEMS, body), 400) == (code, attr)


BAD_QUANTITIES = [-1, True, 1.5, 1e300, "2", "", None, [1], {"$gt": 0}, 10**9, 2**63 - 1]


@pytest.mark.parametrize("quantity", BAD_QUANTITIES, ids=repr)
def test_a_quantity_is_a_whole_number_from_one(
    as_customer: APIClient, make_product: Callable[..., Product], quantity: Any
) -> None:
    product = make_product()
    item = add_to_cart(as_customer, product)["items"][0]["id"]
    added = as_customer.post(ITEMS, {"product": str(product.pk), "quantity": quantity})
    assert refusal(added, 400)[1] == "quantity"
    assert refusal(as_customer.patch(f"{ITEMS}{item}/", {"quantity": quantity}), 400)[1] == "quantity"
    assert cart_of(as_customer)["items"][0]["quantity"] == 1


def test_a_number_beyond_64_bits_is_a_400(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    reply = as_customer.post(ITEMS, {"product": str(make_product().pk), "quantity": 2**63})
    assert refusal(reply, 400) == ("parse_error", None)


def test_more_than_there_is_is_a_409_and_changes_nothing(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=3)
    assert refusal(as_customer.post(ITEMS, {"product": str(product.pk), "quantity": 4}), 409) == (
        "out_of_stock",
        "quantity",
    )
    assert not Cart.objects.exists()
    item = add_to_cart(as_customer, product, 2)["items"][0]["id"]
    again = as_customer.post(ITEMS, {"product": str(product.pk), "quantity": 2})
    assert refusal(again, 409) == ("out_of_stock", "quantity")
    assert refusal(as_customer.patch(f"{ITEMS}{item}/", {"quantity": 4}), 409) == ("out_of_stock", "quantity")
    assert cart_of(as_customer)["items"][0]["quantity"] == 2


def test_a_quantity_is_set_not_added_by_patch(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    item = add_to_cart(as_customer, make_product(price="3.10", stock=5), 2)["items"][0]["id"]
    reply = as_customer.patch(f"{ITEMS}{item}/", {"quantity": 5})
    assert reply.status_code == 200
    assert (reply.json()["items"][0]["quantity"], reply.json()["total"]) == (5, "15.50")


def test_a_line_is_deleted_and_the_others_stay(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    first, second = make_product(), make_product(price="4.00")
    add_to_cart(as_customer, first)
    items = add_to_cart(as_customer, second)["items"]
    reply = as_customer.delete(f"{ITEMS}{items[0]['id']}/")
    assert reply.status_code == 200
    assert [item["id"] for item in reply.json()["items"]] == [items[1]["id"]]
    assert reply.json()["total"] == "4.00"


def test_a_cart_is_emptied_and_emptying_it_again_is_fine(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    assert as_customer.delete(f"{API}/cart/").status_code == 200
    assert not Cart.objects.exists()
    cart = add_to_cart(as_customer, make_product())
    for _ in range(2):
        reply = as_customer.delete(f"{API}/cart/")
        assert reply.status_code == 200
        assert (reply.json()["id"], reply.json()["items"], reply.json()["total"]) == (cart["id"], [], "0.00")


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_line_that_is_not_in_ones_own_cart_is_a_404(
    as_customer: APIClient, as_stranger: APIClient, make_product: Callable[..., Product], method: str
) -> None:
    theirs = add_to_cart(as_customer, make_product())["items"][0]["id"]
    for client in (as_stranger, as_customer):
        nothing = getattr(client, method)(f"{ITEMS}{NOWHERE}/", {"quantity": 1})
        assert refusal(nothing, 404) == ("not_found", None)
    foreign = getattr(as_stranger, method)(f"{ITEMS}{theirs}/", {"quantity": 1})
    assert foreign.content == nothing.content
    assert foreign.status_code == 404
    assert refusal(getattr(as_customer, method)(f"{ITEMS}nonsense/", {"quantity": 1}), 404) == ("not_found", None)
    assert cart_of(as_customer)["items"][0]["quantity"] == 1
    assert Cart.objects.count() == 1


def test_a_cart_has_a_maximum_number_of_lines(
    as_customer: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAX_CART_LINES", 2)
    first, second, third = make_product(), make_product(), make_product()
    add_to_cart(as_customer, first)
    add_to_cart(as_customer, second)
    assert refusal(as_customer.post(ITEMS, {"product": str(third.pk)}), 400) == ("cart_full", None)
    # More units of an existing line can be added.
    assert len(add_to_cart(as_customer, first)["items"]) == 2


# --- Several lines at once --------------------------------------------------------------------------------------------


def test_several_lines_are_set_at_once_and_others_stay(
    as_customer: APIClient, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    mug, cap, hat, pen = (make_product(stock=5) for _ in range(4))
    for product in (mug, cap, hat):
        add_to_cart(as_customer, product)
    wanted = [
        {"variant": str(variant_of(product).pk), "quantity": quantity}
        for product, quantity in ((mug, 3), (cap, 0), (pen, 2))
    ]
    reply = as_customer.put(ITEMS, wanted)
    assert reply.status_code == 200
    shown = [(item["product"]["id"], item["quantity"]) for item in reply.json()["items"]]
    assert shown == [(str(mug.pk), 3), (str(hat.pk), 1), (str(pen.pk), 2)]
    assert cart_of(as_customer) == reply.json()
    assert Cart.objects.get().revision == 3
    reply = anonymous.put(ITEMS, wanted)
    assert [item["quantity"] for item in cart_of(anonymous, **{"X-Cart-Token": reply["X-Cart-Token"]})["items"]] == [
        3,
        2,
    ]


def test_of_several_lines_all_or_none_are_set(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    mug, cap, gone = make_product(stock=5), make_product(stock=2), make_product(is_active=False)
    add_to_cart(as_customer, mug)
    before = cart_of(as_customer)

    def refused(*items: tuple[Any, Any], status: int = 400) -> list[tuple[str, str]]:
        reply = as_customer.put(ITEMS, [{"variant": variant, "quantity": quantity} for variant, quantity in items])
        assert reply.status_code == status, reply.content
        return [(each["code"], each["attr"]) for each in reply.json()["errors"]]

    mug_id, cap_id, gone_id = (str(variant_of(each).pk) for each in (mug, cap, gone))
    assert refused((mug_id, 2), (cap_id, 3), status=409) == [("out_of_stock", "items.1.quantity")]
    assert refused((mug_id, 2), (gone_id, 1), (NOWHERE, 1)) == [
        ("product_unavailable", "items.1.variant"),
        ("product_unavailable", "items.2.variant"),
    ]
    assert refused((mug_id, 2), (cap_id, -1)) == [("min_value", "items.1.quantity")]
    assert refused((mug_id, 2), ("x", 1)) == [("invalid_id", "items.1.variant")]
    assert refused((mug_id, 2), (mug_id, 1)) == [("duplicate", "items")]
    for body in ({}, {"items": []}, 7, [7]):
        assert as_customer.put(ITEMS, body).status_code == 400
    assert cart_of(as_customer) == before
    assert as_customer.put(ITEMS, []).json() == before
