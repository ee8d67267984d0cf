"""Brands and tags: how they are written, filtered by and counted; the filters by SKU and time; `expand=variants`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from catalog.categories import save_category
from catalog.due_prices import store_due_prices
from catalog.models import Category, Product
from catalog.services import set_active_later
from catalog.tests.conftest import LIST
from catalog.tests.product_page import save
from shop.audit import violations
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, place_order

pytestmark = pytest.mark.django_db

Names = Callable[..., list[str]]


@pytest.fixture
def shelf(make_product: Callable[..., Product]) -> None:
    """Three products, the first the oldest."""
    make_product("Chair", brand="Blå  Station", tags=["Oak", " oak ", "new"], sku="CHAIR")
    make_product("Stool", brand="BLÅ STATION", tags=["oak"], sku="STOOL")
    make_product("Lamp", brand="無印", tags=["new"], sku="LAMP")


def test_products_are_found_and_counted_by_brand_and_tag(
    anonymous: APIClient, names: Names, shelf: None, subtests: pytest.Subtests
) -> None:
    for parameters, expected in (
        ({"brand": "bla-station"}, ["Stool", "Chair"]),
        ({"brand": "Blå Station"}, ["Stool", "Chair"]),
        ({"brand": ["無印", "bla-station"], "tag": "new"}, ["Lamp", "Chair"]),
        ({"brand": "nobody"}, []),
        ({"tag": "OAK", "brand": "bla-station"}, ["Stool", "Chair"]),
        ({"tag": ["oak", "new"], "ordering": "name"}, ["Chair", "Lamp", "Stool"]),
        ({"sku": "chair"}, ["Chair"]),
        ({"sku": ["LAMP", "STOOL", "nothing"]}, ["Lamp", "Stool"]),
        ({"sku": "nothing"}, []),
    ):
        with subtests.test(**parameters):
            assert names(**parameters) == expected
            assert anonymous.get(f"{LIST}facets/", parameters).json()["count"] == len(expected)
    facets = anonymous.get(f"{LIST}facets/", {"brand": "bla-station"}).json()
    assert [(each["value"], each["count"]) for each in facets["brands"]] == [("bla-station", 2), ("wuyin", 1)]
    assert facets["brands"][1]["name"] == "無印"
    assert facets["tags"] == [{"value": "oak", "count": 2}, {"value": "new", "count": 1}]


def test_a_product_is_found_by_the_time_of_its_last_change(
    anonymous: APIClient, as_staff: APIClient, names: Names, shelf: None
) -> None:
    first = Product.objects.get(slug="chair")
    assert as_staff.patch(f"{LIST}{first.pk}/", {"tags": []}, format="json").json()["tags"] == []
    first.refresh_from_db()
    since = first.updated_at.isoformat()
    assert names(updated_since=since) == ["Chair"]
    assert names(updated_since=(first.updated_at + timedelta(milliseconds=1)).isoformat()) == []
    facets = anonymous.get(f"{LIST}facets/", {"updated_since": since}).json()
    assert (facets["count"], facets["tags"]) == (1, [])
    assert refusal(anonymous.get(LIST, {"updated_since": "yesterday"}), 400) == ("invalid", "updated_since")


def test_a_client_that_polls_sees_each_change_of_an_item(
    as_staff: APIClient, as_customer: APIClient, names: Names, make_product: Callable[..., Product]
) -> None:
    category = Category.objects.create(name="Cups", slug="cups")
    mug = make_product("Mug", price="0", stock=2, category=category)
    (variant,) = mug.variants.all()

    def rename() -> None:
        category.name = "Mugs"
        save_category(category=category)

    def begin_sale() -> None:
        Product.objects.filter(pk=mug.pk).update(next_price_at=timezone.now())
        store_due_prices(None)

    def publish_later() -> None:
        as_of = (timezone.now() - timedelta(hours=1)).isoformat()
        Product.objects.filter(pk=mug.pk).update(edited_at=timezone.now() - timedelta(hours=2))
        set_active_later(products=[str(mug.pk)], is_active=True, asked_at=as_of, staff=None)

    review = {"rating": 5, "title": "Lovely", "body": "Holds tea."}
    place_order(as_customer, mug)
    for change in (
        rename,
        lambda: as_customer.post(f"{LIST}{mug.pk}/reviews/", review),
        lambda: place_order(as_customer, mug),
        lambda: as_staff.post(f"{API}/variants/{variant.pk}/stock/", {"set": 3, "reason": "correction"}),
        begin_sale,
        publish_later,
    ):
        Product.objects.update(updated_at=timezone.now() - timedelta(hours=1))
        since = timezone.now()
        assert names(updated_since=since.isoformat()) == []
        change()
        assert names(updated_since=since.isoformat()) == ["Mug"]
    assert not violations()


def test_variants_come_with_the_list_in_the_same_command(
    anonymous: APIClient, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    variants = [{"sku": f"CAP-{size}", "options": {"size": size}, "price": "10", "stock": 1} for size in "ML"]
    cap = make_product("Cap", variants=variants)
    cap.variants.filter(sku="CAP-L").update(is_active=False)
    with count_commands() as commands:
        (item,) = anonymous.get(LIST, {"expand": "variants"}).json()["results"]
    assert len(commands.on(Product._meta.db_table)) == 1
    assert item["variants"] == anonymous.get(f"{LIST}{cap.pk}/").json()["variants"]
    assert [variant["sku"] for variant in item["variants"]] == ["CAP-M"]
    (item,) = as_staff.get(LIST, {"expand": "variants"}).json()["results"]
    assert item["variants"] == as_staff.get(f"{LIST}{cap.pk}/").json()["variants"]
    assert [(variant["sku"], variant["stock"]) for variant in item["variants"]] == [("CAP-M", 1), ("CAP-L", 1)]
    assert "variants" not in anonymous.get(LIST).json()["results"][0]
    # No letter is left of it, as if there were no filter.
    Product.objects.update(brand_slug="fika")
    assert anonymous.get(LIST, {"brand": "\u200b"}).json()["count"] == 1
    assert refusal(anonymous.get(LIST, {"expand": "reviews"}), 400) == ("invalid_choice", "expand")


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": ["x" * 51]}, "tags.0"),
        ({"tags": [str(number) for number in range(51)]}, "tags"),
        ({"tags": "new"}, "tags"),
        ({"brand": "x" * 101}, "brand"),
    ],
)
def test_bad_brands_and_tags_are_refused(
    as_staff: APIClient, make_product: Callable[..., Product], body: dict[str, Any], attr: str
) -> None:
    product = make_product("Chair", brand="Fika", tags=["new"])
    assert refusal(as_staff.patch(f"{LIST}{product.pk}/", body, format="json"), 400)[1] == attr
    product.refresh_from_db()
    assert (product.brand, product.tags) == ("Fika", ["new"])


def test_staff_edit_brand_and_tags_in_the_admin(browser: Client, make_product: Callable[..., Product]) -> None:
    product = make_product("Chair", tags=["oak"])
    save(browser, product, brand=" Fika ", tags="New, oak,, new")
    product.refresh_from_db()
    assert (product.brand, product.brand_slug, product.tags) == ("Fika", "fika", ["new", "oak"])
