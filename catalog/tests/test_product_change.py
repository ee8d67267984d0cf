"""Staff change and delete products."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from catalog.tests.conftest import LIST
from conftest import ADDRESS
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import dump_database
from shop.jobs import Job

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

NOBODY = "6650c1f2a4b3c2d1e0f9a8b7"

MUG = {"name": "Blue mug", "price": "12.50"}


@pytest.fixture
def mug(make_product: Callable[..., Product], make_category: Callable[..., Category]) -> Product:
    return make_product(
        "Blue mug",
        price="12.50",
        sku="MUG",
        stock=4,
        description="Holds tea.",
        compare_at_price="15",
        category=make_category("Mugs"),
        attributes={"colour": "blue"},
    )


def priced(price: str) -> dict[str, Any]:
    """The mug has a compare-at price, so the lowest price is shown."""
    return {"price": price, "price_min": price, "price_max": price, "lowest_price_30_days": "12.50"}


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "Cup"}, {"name": "Cup"}),
        ({"slug": "cup"}, {"slug": "cup"}),
        ({"description": ""}, {"description": ""}),
        ({"price": "8"}, priced("8.00")),
        ({"price": "1e1"}, priced("10.00")),
        ({"price": "-0"}, priced("0.00")),
        ({"compare_at_price": None}, {"compare_at_price": None}),
        ({"category": None}, {"category": None}),
        ({"is_active": False}, {"is_active": False}),
        ({"attributes": {"size": "L"}}, {"attributes": {"size": "L"}}),
        ({"stock": 0}, {"in_stock": False}),
        ({}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("by", ["pk", "slug"])
def test_patch_changes_what_it_names_and_nothing_else(
    as_staff: APIClient, mug: Product, by: str, change: dict[str, Any], shown: dict[str, Any]
) -> None:
    before = as_staff.get(f"{LIST}{mug.pk}/").json()
    reply = as_staff.patch(f"{LIST}{getattr(mug, by)}/", change)
    assert reply.status_code == 200
    changed = reply.json()
    assert as_staff.get(f"{LIST}{mug.pk}/").json() == changed
    for name in ("updated_at", "variants"):
        before.pop(name), changed.pop(name)
    assert changed == {**before, **shown}


def test_put_changes_the_product_and_keeps_what_it_does_not_name(as_staff: APIClient, mug: Product) -> None:
    reply = as_staff.put(f"{LIST}{mug.pk}/", {"name": "Cup", "price": "9"})
    assert reply.status_code == 200
    assert (reply.json()["name"], reply.json()["price"], reply.json()["slug"]) == ("Cup", "9.00", "blue-mug")
    assert reply.json()["variants"][0]["sku"] == "MUG"
    assert refusals(as_staff.put(f"{LIST}{mug.pk}/", {"price": "9"}), 400) == [("required", "name")]


def test_a_change_of_stock_is_in_the_ledger(as_staff: APIClient, staff: Any, mug: Product) -> None:
    as_staff.patch(f"{LIST}{mug.pk}/", {"stock": 10})
    movements = StockMovement.objects.order_by("pk").values_list("delta", "reason", "reference")
    assert list(movements) == [(4, "initial", ""), (6, "adjustment", str(staff.pk))]
    as_staff.patch(f"{LIST}{mug.pk}/", {"stock": 10})
    assert StockMovement.objects.count() == 2


def test_the_read_model_follows_a_change(
    as_staff: APIClient, mug: Product, names: Callable[..., list[str]], make_category: Callable[..., Category]
) -> None:
    make_category("Cups")
    as_staff.patch(
        f"{LIST}{mug.pk}/",
        {
            "name": "Grail",
            "category": "cups",
            "price": "99",
            "compare_at_price": None,
            "stock": 0,
            "attributes": {"colour": "gold"},
        },
    )
    for parameters in (
        {"category": "cups"},
        {"min_price": "99"},
        {"in_stock": "false"},
        {"attr_colour": "gold"},
        {"search": "grail"},
    ):
        assert names(**parameters) == ["Grail"]
    for parameters in ({"category": "mugs"}, {"max_price": "98"}, {"attr_colour": "blue"}, {"search": "blue"}):
        assert names(**parameters) == []


def test_a_refused_change_changes_nothing(
    as_staff: APIClient, mug: Product, make_product: Callable[..., Product]
) -> None:
    make_product("Other", sku="OTHER")
    before = dump_database()
    url = f"{LIST}{mug.pk}/"
    assert refusal(as_staff.patch(url, {"name": "Cup", "slug": "other"}), 400) == ("slug_taken", "slug")
    assert refusal(as_staff.patch(url, {"name": "Cup", "sku": "OTHER"}), 400) == ("sku_taken", "sku")
    assert refusal(as_staff.patch(url, {"name": "Cup", "slug": "facets"}), 400) == ("reserved_slug", "slug")
    assert refusal(as_staff.patch(url, {"name": "Cup", "price": "-1"}), 400) == ("min_value", "price")
    assert dump_database() == before


@pytest.mark.parametrize("address", [NOBODY, "nothing", "0" * 23])
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_product_that_does_not_exist_cannot_be_changed(as_staff: APIClient, method: str, address: str) -> None:
    assert refusal(getattr(as_staff, method)(f"{LIST}{address}/", MUG), 404) == ("not_found", None)


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_a_product_that_was_never_sold_is_gone_with_ledger_and_pictures(
    as_staff: APIClient, mug: Product, make_product: Callable[..., Product]
) -> None:
    other = make_product("Other")
    for product in (mug, other):
        ProductImage.objects.create(product=product, name=f"products/{product.slug}.webp")

    reply = as_staff.delete(f"{LIST}{mug.pk}/")

    assert (reply.status_code, reply.content) == (204, b"")
    assert as_staff.get(f"{LIST}{mug.pk}/").status_code == 404
    assert [product.name for product in Product.objects.all()] == ["Other"]
    for model in (Variant, ProductImage):
        assert [row.product_id for row in model.objects.all()] == [other.pk]
    assert StockMovement.objects.get().variant.product_id == other.pk
    assert [job.payload for job in Job.objects.filter(kind="catalog.delete_image")] == [
        {"name": "products/blue-mug.webp"}
    ]
    assert Category.objects.count() == 1


def test_a_product_that_was_sold_is_deactivated_and_keeps_everything(
    as_staff: APIClient, as_customer: APIClient, anonymous: APIClient, mug: Product, shipping: Any
) -> None:
    as_customer.post("/api/v1/cart/items/", {"product": str(mug.pk), "quantity": 1})
    assert as_customer.post("/api/v1/orders/", {"shipping_address": ADDRESS}).status_code == 201
    before = dump_database()

    assert as_staff.delete(f"{LIST}{mug.pk}/").status_code == 204

    assert anonymous.get(f"{LIST}{mug.pk}/").status_code == 404
    assert anonymous.get(LIST).json()["count"] == 0
    assert as_staff.get(f"{LIST}{mug.pk}/").json()["is_active"] is False
    after = dump_database()
    product = after["catalog_product"][0]
    read_model = {
        "is_active": False,
        "counted_in": None,
        **{name: product[name] for name in ("updated_at", "edited_at")},
    }
    before["catalog_product"][0] |= read_model
    before["catalog_category"][0]["active_products"] = 0
    (noted,) = before["shop_staffaction"] = after["shop_staffaction"]
    assert (noted["object_id"], noted["model"]) == (str(mug.pk), "catalog.product")
    assert after == before


def test_an_empty_text_is_no_category(as_staff: APIClient, mug: Product) -> None:
    reply = as_staff.patch(f"{LIST}{mug.pk}/", {"category": ""})
    assert refusal(reply, 400) == ("does_not_exist", "category")
    assert Product.objects.get().category_id == mug.category_id is not None
    assert as_staff.patch(f"{LIST}{mug.pk}/", {"category": None}).json()["category"] is None
