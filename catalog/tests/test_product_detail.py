"""One product, by its id or its slug."""

from collections.abc import Callable

import pytest
from bson import ObjectId
from rest_framework.test import APIClient

from catalog.models import Category, Product, Variant
from catalog.tests.conftest import LIST
from conftest import client_of
from shop.dev.testing.replies import refusal

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

NOBODY = "6650c1f2a4b3c2d1e0f9a8b7"


def test_a_detail_has_the_shape_of_the_contract(
    anonymous: APIClient, make_product: Callable[..., Product], make_category: Callable[..., Category]
) -> None:
    product = make_product(
        "Blue mug",
        category=make_category("Mugs"),
        description="Holds tea.",
        attributes={"colour": "blue"},
        variants=[
            {"sku": "MUG-L", "options": {"size": "L"}, "price": "12", "stock": 3, "weight": 450},
            {"sku": "MUG-S", "options": {"size": "S"}, "price": "9.5", "stock": 0},
        ],
    )
    large, small = Variant.objects.order_by("position")
    detail = anonymous.get(f"{LIST}{product.pk}/").json()
    assert detail == {
        **anonymous.get(LIST).json()["results"][0],
        "description": "Holds tea.",
        "images": [],
        "variants": [
            {
                "id": str(large.pk),
                "sku": "MUG-L",
                "options": {"size": "L"},
                "price": "12.00",
                "compare_at_price": None,
                "lowest_price_30_days": None,
                "in_stock": True,
                "availability": "in_stock",
                "expected_on": None,
                "barcode": "",
                "weight": 450,
                "images": [],
            },
            {
                "id": str(small.pk),
                "sku": "MUG-S",
                "options": {"size": "S"},
                "price": "9.50",
                "compare_at_price": None,
                "lowest_price_30_days": None,
                "in_stock": False,
                "availability": "out_of_stock",
                "expected_on": None,
                "barcode": "",
                "weight": None,
                "images": [],
            },
        ],
        "attributes": {"colour": "blue"},
        "additional_categories": [],
        "collections": [],
        "seo": {"title": "", "description": ""},
        "lowest_price_30_days": None,
        "is_active": True,
        "free_shipping": False,
        "tax_class": "standard",
        "created_at": detail["created_at"],
        "updated_at": detail["updated_at"],
    }


def test_id_and_slug_lead_to_the_same_product(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    product = make_product("Blue mug")
    make_product("Red mug")
    by_id, by_slug = anonymous.get(f"{LIST}{product.pk}/"), anonymous.get(f"{LIST}blue-mug/")
    assert by_id.json()["name"] == "Blue mug"
    assert by_id.content == by_slug.content
    assert anonymous.get(f"{LIST}{str(product.pk).upper()}/").content == by_id.content


def test_a_simple_product_has_exactly_one_variant(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    variants = anonymous.get(f"{LIST}{make_product(price='5').pk}/").json()["variants"]
    assert [(variant["price"], variant["options"], variant["in_stock"]) for variant in variants] == [("5.00", {}, True)]


@pytest.mark.parametrize("address", ["nothing", NOBODY, "0" * 23, "$ne", ".*", "%00", "a%20b", "%F0%9F", "é", "-", "0"])
def test_a_product_that_does_not_exist_is_404(
    anonymous: APIClient, make_product: Callable[..., Product], address: str
) -> None:
    make_product("Blue mug")
    assert refusal(anonymous.get(f"{LIST}{address}/"), 404) == ("not_found", None)


def test_an_inactive_product_answers_shoppers_like_one_that_does_not_exist(
    anonymous: APIClient, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    hidden = make_product("Hidden", is_active=False)
    for client in (anonymous, as_customer):
        for address in (hidden.pk, "hidden"):
            reply = client.get(f"{LIST}{address}/")
            assert refusal(reply, 404) == ("not_found", None)
            assert reply.content == client.get(f"{LIST}{ObjectId()}/").content


def test_staff_see_inactive_products_inactive_variants_and_stock(
    as_staff: APIClient, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product("Hidden", stock=7, is_active=False)
    detail = as_staff.get(f"{LIST}hidden/").json()
    assert (detail["is_active"], detail["variants"][0]["stock"]) == (False, 7)

    Product.objects.update(is_active=True)
    Variant.objects.update(is_active=False)
    assert as_staff.get(f"{LIST}{product.pk}/").json()["variants"][0]["is_active"] is False
    assert anonymous.get(f"{LIST}{product.pk}/").json()["variants"] == []


def test_shoppers_do_not_see_how_many_there_are(
    anonymous: APIClient, as_customer: APIClient, make_product: Callable[..., Product], make_user: Callable
) -> None:
    product = make_product(stock=123456)
    for client in (anonymous, as_customer, client_of(make_user(is_staff=True))):
        assert "123456" not in client.get(f"{LIST}{product.pk}/").content.decode()
