"""Staff create products."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Category, Product, StockMovement
from catalog.tests.conftest import LIST
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import dump_database

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

MUG = {"name": "Blue mug", "price": "12.50"}


def test_a_simple_product_is_created_with_its_one_variant(
    as_staff: APIClient, anonymous: APIClient, staff: Any, make_category: Callable[..., Category]
) -> None:
    make_category("Mugs")
    body = {
        **MUG,
        "description": "Holds tea.",
        "category": "mugs",
        "compare_at_price": "15",
        "sku": "MUG",
        "stock": 4,
        "weight": 420,
        "free_shipping": True,
        "tax_class": "reduced",
        "attributes": {"colour": "blue"},
    }
    reply = as_staff.post(LIST, body)

    assert reply.status_code == 201
    created = reply.json()
    assert (created["name"], created["slug"], created["price"]) == ("Blue mug", "blue-mug", "12.50")
    assert (created["compare_at_price"], created["in_stock"], created["is_active"]) == ("15.00", True, True)
    assert created["category"]["slug"] == "mugs"
    assert (created["free_shipping"], created["tax_class"], created["variants"][0]["weight"]) == (True, "reduced", 420)
    assert [(each["sku"], each["stock"], each["price"]) for each in created["variants"]] == [("MUG", 4, "12.50")]
    assert as_staff.get(f"{LIST}{created['id']}/").json() == created
    assert anonymous.get(LIST).json()["results"][0]["id"] == created["id"]
    movement = StockMovement.objects.get()
    assert (movement.delta, movement.reason, movement.reference) == (4, "initial", str(staff.pk))


def test_a_product_is_created_with_its_variants_in_order(as_staff: APIClient) -> None:
    variants = [
        {"sku": "S", "options": {"size": "S"}, "price": "9", "stock": 0},
        {"sku": "L", "options": {"size": "L"}, "price": "12", "stock": 2},
        {"options": {"size": "M"}, "price": "8.5"},
    ]
    created = as_staff.post(LIST, {"name": "Mug", "variants": variants}).json()
    assert [(each["options"]["size"], each["price"], each["stock"]) for each in created["variants"]] == [
        ("S", "9.00", 0),
        ("L", "12.00", 2),
        ("M", "8.50", 0),
    ]
    assert (created["price"], created["in_stock"]) == ("8.50", True)
    assert all(each["sku"] for each in created["variants"])
    assert StockMovement.objects.count() == 1


def test_what_is_not_said_is_sensible(as_staff: APIClient) -> None:
    created = as_staff.post(LIST, MUG).json()
    assert (created["is_active"], created["in_stock"], created["category"]) == (True, False, None)
    assert (created["description"], created["attributes"], created["images"]) == ("", {}, [])


def test_two_products_of_one_name_get_two_slugs(as_staff: APIClient) -> None:
    slugs = [as_staff.post(LIST, MUG).json()["slug"] for _ in range(3)]
    assert slugs[0] == "blue-mug"
    assert len(set(slugs)) == 3


@pytest.mark.parametrize("name", ["Facets", "6650c1f2a4b3c2d1e0f9a8b7", "漢字", "!!!", "-", "X" * 200])
def test_every_name_gets_a_slug_that_leads_to_its_product(as_staff: APIClient, anonymous: APIClient, name: str) -> None:
    created = as_staff.post(LIST, {**MUG, "name": name}).json()
    assert created["slug"] not in ("facets", name)
    assert anonymous.get(f"{LIST}{created['slug']}/").json()["id"] == created["id"]


def test_fields_that_the_server_owns_are_ignored(as_staff: APIClient) -> None:
    wish = {
        "id": "0" * 24,
        "in_stock": True,
        "rating": {"average": 5, "count": 99},
        "rating_average": 5,
        "sales": 99,
        "pictures": [{"id": "x", "name": "x", "alt": ""}],
        "images": [{"id": "x"}],
        "created_at": "2000-01-01T00:00:00Z",
        "category_name": "x",
        "currency": "eur",
    }
    created = as_staff.post(LIST, {**MUG, **wish}).json()
    assert created["id"] != "0" * 24
    assert (created["in_stock"], created["rating"], created["images"]) == (False, {"average": None, "count": 0}, [])
    assert (created["category"], created["currency"]) == (None, "usd")
    assert not created["created_at"].startswith("2000")
    assert Product.objects.get().sales == 0


VARIANT = {"price": "1"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "name"),
    ({"name": " "}, "name"),
    ({"name": "n" * 201}, "name"),
    ({"name": {"$gt": ""}}, "name"),
    ({"price": None}, "price"),
    ({"price": "1.999"}, "price"),
    ({"price": "-1"}, "price"),
    ({"price": "NaN"}, "price"),
    ({"price": "1e400"}, "price"),
    ({"price": 10**10}, "price"),
    ({"price": True}, "price"),
    ({"price": {"amount": 1}}, "price"),
    ({"compare_at_price": "0.001"}, "compare_at_price"),
    ({"stock": -1}, "stock"),
    ({"stock": 1.5}, "stock"),
    ({"stock": 1_000_001}, "stock"),
    ({"stock": "many"}, "stock"),
    ({"category": "nowhere"}, "category"),
    ({"category": ["mugs"]}, "category"),
    ({"category": {"$ne": None}}, "category"),
    ({"slug": "facets"}, "slug"),
    ({"slug": "6650c1f2a4b3c2d1e0f9a8b7"}, "slug"),
    ({"slug": "6650C1F2A4B3C2D1E0F9A8B7"}, "slug"),
    ({"slug": "not a slug"}, "slug"),
    ({"slug": ""}, "slug"),
    ({"sku": ""}, "sku"),
    ({"sku": "s" * 65}, "sku"),
    ({"is_active": "maybe"}, "is_active"),
    ({"attributes": []}, "attributes"),
    ({"attributes": "red"}, "attributes"),
    ({"attributes": {"$where": "1"}}, "attributes"),
    ({"attributes": {"a.b": "1"}}, "attributes"),
    ({"attributes": {"Colour": "red", "colour": "red"}}, "attributes"),
    ({"attributes": {"colour": 5}}, "attributes"),
    ({"attributes": {"colour": {"$gt": ""}}}, "attributes"),
    ({"attributes": {"colour": ""}}, "attributes"),
    ({"attributes": {f"a{n}": "x" for n in range(31)}}, "attributes"),
    ({"variants": [VARIANT]}, "price"),
    ({"variants": [], "price": None}, "variants"),
    ({"description": "d" * 20_001}, "description"),
]


def test_a_product_that_cannot_be_is_refused_by_the_field(as_staff: APIClient, subtests: pytest.Subtests) -> None:
    before = dump_database()
    for wrong, field in REFUSED:
        with subtests.test(**wrong):
            found = refusals(as_staff.post(LIST, {**MUG, **wrong}), 400)
            assert field in {(attr or "").split(".")[0] for _, attr in found}
    assert dump_database() == before


@pytest.mark.parametrize(
    ("variants", "attr"),
    [
        ([{"sku": "A"}], "variants.0.price"),
        ([VARIANT, {"price": "x"}], "variants.1.price"),
        ([{**VARIANT, "options": {"Size": "L", "size": "L"}}], "variants.0.options"),
        ([{**VARIANT, "stock": -1}], "variants.0.stock"),
        ([{**VARIANT, "sku": "A"}, {**VARIANT, "sku": "A"}], "variants"),
        ("many", "variants"),
        ({"0": VARIANT}, "variants"),
        ([VARIANT] * 101, "variants"),
        (["S"], "variants.0"),
    ],
)
def test_a_variant_that_cannot_be_is_refused_by_its_place(as_staff: APIClient, variants: object, attr: str) -> None:
    found = refusals(as_staff.post(LIST, {"name": "Mug", "variants": variants}), 400)
    assert any((each or "").startswith(attr) for _, each in found), found
    assert not Product.objects.exists()


def test_every_missing_field_is_named(as_staff: APIClient) -> None:
    assert refusals(as_staff.post(LIST, {}), 400) == [("required", "name")]
    assert refusals(as_staff.post(LIST, {"name": "Mug"}), 400) == [("required", "price")]


def test_a_slug_that_is_taken_is_refused(as_staff: APIClient, make_product: Callable[..., Product]) -> None:
    make_product("Red mug")
    before = dump_database()
    assert refusal(as_staff.post(LIST, {**MUG, "slug": "red-mug"}), 400) == ("slug_taken", "slug")
    assert dump_database() == before


def test_an_sku_that_is_taken_is_refused(as_staff: APIClient, make_product: Callable[..., Product]) -> None:
    make_product("Red mug", sku="MUG")
    before = dump_database()
    assert refusal(as_staff.post(LIST, {**MUG, "sku": "MUG", "stock": 5}), 400) == ("sku_taken", "sku")
    two = [{"sku": "NEW", "price": "1", "stock": 5}, {"sku": "MUG", "price": "1"}]
    assert refusal(as_staff.post(LIST, {"name": "Two", "variants": two}), 400)[0] == "sku_taken"
    assert dump_database() == before


def test_prices_are_kept_exactly(as_staff: APIClient) -> None:
    for price in ("0.01", "999999999.99", "0.1", 19.99, 7):
        created = as_staff.post(LIST, {**MUG, "price": price}).json()
        assert Decimal(created["price"]) == Decimal(str(price))
        assert created["price"].split(".")[1] == f"{Decimal(str(price)):.2f}".split(".")[1]
