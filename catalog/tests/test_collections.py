"""Hand-sorted collections."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from catalog.collections import membership
from catalog.collections.models import Collection, CollectionItem
from catalog.models import Product
from catalog.tests.conftest import LIST, put_on_shelf
from catalog.tests.files import export_products, import_products, rows_of
from shop.api import pagination
from shop.audit import violations
from shop.dev.testing.admin import errors_of, filled_in, picture, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.images import stored_images
from shop.dev.testing.plans import profiled, stages_of
from shop.dev.testing.replies import refusal
from shop.jobs import run_due

pytestmark = pytest.mark.django_db

Names = Callable[..., list[str]]


@pytest.fixture
def summer(db: None) -> Collection:
    return Collection.objects.create(name="Summer", slug="summer", seo_title="Summer things")


@pytest.fixture
def shelf(make_product: Callable[..., Product], summer: Collection) -> list[Product]:
    """Three products in the collection, and one that is not."""
    make_product("Other")
    return [make_product(name, collections=[summer.pk]) for name in ("Hat", "Towel", "Ball")]


def test_collections_are_read_by_anyone(anonymous: APIClient, summer: Collection) -> None:
    Collection.objects.create(name="Hidden", slug="hidden", is_active=False)
    shown = {
        "id": str(summer.pk),
        "name": "Summer",
        "slug": "summer",
        "description": "",
        "image": None,
        "seo": {"title": "Summer things", "description": ""},
    }
    whole = {"count": 1, "count_exact": True, "next": None, "previous": None, "results": [shown]}
    assert anonymous.get("/api/v1/collections/").json() == whole
    Collection.objects.create(name="Autumn", slug="autumn", position=1)
    page = anonymous.get("/api/v1/collections/?page_size=1").json()
    assert (page["count"], page["results"]) == (2, [shown])
    assert [each["slug"] for each in anonymous.get(page["next"]).json()["results"]] == ["autumn"]
    for place in ("page=3", "cursor=W10="):
        assert anonymous.get(f"/api/v1/collections/?{place}").status_code == 404
    assert anonymous.get("/api/v1/collections/summer/").json() == shown
    assert anonymous.get("/api/v1/collections/hidden/").status_code == 404
    assert refusal(anonymous.get(LIST, {"collection": "hidden"}), 400) == ("does_not_exist", "collection")


def test_products_of_a_collection_have_its_order_unless_another_is_asked_for(
    anonymous: APIClient, names: Names, summer: Collection, shelf: list[Product]
) -> None:
    hat, _, ball = shelf
    membership.sort_products(collection=summer, order=[ball.pk, hat.pk])
    assert names(collection="summer") == ["Ball", "Hat", "Towel"]
    assert names(collection="Summer", ordering="name") == ["Ball", "Hat", "Towel"]
    assert names(collection="summer", ordering="newest") == ["Ball", "Towel", "Hat"]
    assert names(collection="summer", search="towel") == ["Towel"]
    Product.objects.filter(pk=hat.pk).update(is_active=False)
    page = anonymous.get(LIST, {"collection": "summer", "page_size": 1, "page": 2}).json()
    assert (page["count"], [each["name"] for each in page["results"]], page["next"]) == (2, ["Towel"], None)
    assert anonymous.get(f"{LIST}facets/", {"collection": "summer"}).json()["count"] == 2
    assert refusal(anonymous.get(LIST, {"ordering": "collection"}), 400) == ("collection_required", "ordering")
    detail = anonymous.get(f"{LIST}towel/").json()
    assert detail["collections"] == [{"name": "Summer", "slug": "summer"}]


def test_a_page_reads_only_its_products_whatever_the_size_of_the_collection(
    anonymous: APIClient, summer: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_it = {"collections": [summer.pk], "placed_in": [summer.pk]}
    shelf = put_on_shelf(*(of_it if number % 3 else {} for number in range(600)))
    products = [product for product in shelf if product.collections]
    CollectionItem.objects.bulk_create(
        CollectionItem(collection=summer, product=product, position=number)
        for number, product in enumerate(reversed(products))
    )
    anonymous.get(LIST, {"collection": "summer"})
    with count_commands() as commands, profiled() as profiles:
        page = anonymous.get(LIST, {"collection": "summer", "page_size": 10}).json()
    (command,) = commands.on(CollectionItem._meta.db_table)
    assert (page["count"], page["results"][0]["name"]) == (400, "P599")
    assert "IXSCAN" in stages_of(command)
    assert stages_of(command).isdisjoint({"COLLSCAN", "SORT", "$sort"})
    (profile,) = (each for each in profiles if each.collection == CollectionItem._meta.db_table)
    # Those of the page, and those that are counted, as for every filter.
    assert profile.documents <= 10 + 400, str(profile)
    # Other filters look at its first products only.
    monkeypatch.setattr(pagination, "MAX_COUNTED", 50)
    with profiled() as profiles:
        assert anonymous.get(LIST, {"collection": "summer", "in_stock": "false"}).json()["results"] == []
    (profile,) = (each for each in profiles if each.collection == CollectionItem._meta.db_table)
    assert profile.documents <= 50 + 400, str(profile)


def test_staff_put_products_into_collections_and_sort_them(
    as_staff: APIClient, browser: Client, names: Names, summer: Collection, shelf: list[Product]
) -> None:
    hat, *_ = shelf
    other = Product.objects.get(slug="other")
    reply = as_staff.patch(f"{LIST}{other.pk}/", {"collections": ["summer", "summer"]}, format="json")
    assert reply.json()["collections"] == [{"name": "Summer", "slug": "summer"}]
    assert refusal(as_staff.patch(f"{LIST}{hat.pk}/", {"collections": ["nothing"]}, format="json"), 400) == (
        "does_not_exist",
        "collections",
    )
    assert as_staff.patch(f"{LIST}{hat.pk}/", {"collections": []}, format="json").json()["collections"] == []
    assert names(collection="summer") == ["Towel", "Ball", "Other"]
    url = url_of("catalog.collection", "change", summer.pk)
    page = filled_in(browser.get(url))
    # Meanwhile another user adds a product, which stays.
    membership.add_products(collection=summer, products=[hat.pk])
    first, second, third = page["products"].split(",")
    mat = as_staff.post(LIST, {"name": "Mat", "sku": "MAT", "price": "5"}, format="json").json()
    reply = browser.post(url, {**page, "products": f"{third},{first}", "added": "mat", "description": "Hot"})
    assert reply.status_code == 302, errors_of(reply)
    assert names(collection="summer") == ["Other", "Towel", "Hat", "Mat"]
    summer.refresh_from_db()
    assert summer.description == "Hot"
    assert Product.objects.get(pk=second).collections == []
    refused = browser.post(url, {**filled_in(browser.get(url)), "added": "nothing\nMAT"})
    assert "nothing" in errors_of(refused)["added"][0]
    assert as_staff.delete(f"{LIST}{mat['id']}/").status_code == 204
    assert names(collection="summer") == ["Other", "Towel", "Hat"]
    assert violations() == []


def test_a_deleted_collection_leaves_its_products(
    browser: Client, names: Names, summer: Collection, shelf: list[Product], settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    url = url_of("catalog.collection", "change", summer.pk)
    browser.post(url, {**filled_in(browser.get(url)), "file": [picture()]})
    assert len(stored_images("collections")) == 1
    assert browser.post(url_of("catalog.collection", "delete", summer.pk), {"post": "yes"}).status_code == 302
    while run_due():
        pass
    assert stored_images("collections") == set()
    assert not Collection.objects.exists()
    assert not CollectionItem.objects.exists()
    assert {tuple(product.collections) for product in Product.objects.all()} == {()}
    assert len(names()) == 4
    assert violations() == []


def test_collections_are_exported_and_imported(
    tmp_path: Path, names: Names, summer: Collection, shelf: list[Product]
) -> None:
    rows = rows_of(export_products(tmp_path))
    assert {row["name"]: row["collections"] for row in rows}["Hat"] == "summer"
    import_products(tmp_path, [{"sku": row["sku"], "collections": ""} for row in rows if row["name"] != "Ball"])
    assert names(collection="summer") == ["Ball"]
    assert violations() == []
