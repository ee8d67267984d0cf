"""Categories and collections by REST, as in the admin."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.collections.models import Collection
from catalog.models import Category, Product, Variant
from shop import audit
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import picture
from shop.dev.testing.replies import refusal
from shop.dev.testing.resources import Resource, live_through
from shop.dev.testing.steps import API, dump_database, run_concurrently
from shop.jobs import run_due

pytestmark = pytest.mark.django_db

CATEGORIES, COLLECTIONS, PRODUCTS = f"{API}/categories/", f"{API}/collections/", f"{API}/products/"
SEO = {"title": "Buy them", "description": ""}
RESOURCES = [
    Resource(
        "categories",
        "catalog.category",
        {"name": "Käffe mugs", "position": 2, "seo": SEO},
        {"slug": "Big-Mugs", "seo": {"title": "Big"}},
        (
            ({"name": ""}, "blank", "name"),
            ({"slug": "no slug"}, "invalid", "slug"),
            ({"slug": "taken"}, "slug_taken", "slug"),
            ({"parent": "0" * 24}, "does_not_exist", "parent"),
            ({"position": -1}, "min_value", "position"),
            ({"seo": {"titel": "x"}}, "invalid", "seo"),
        ),
        label="Käffe mugs",
        shown={"slug": "kaffe-mugs", "path": "kaffe-mugs", "parent": None, "product_count": 0},
        key="slug",
    ),
    Resource(
        "collections",
        "catalog.collection",
        {"name": "Summer", "description": "Warm.", "is_active": False, "seo": SEO},
        {"slug": "hot", "position": 4},
        (
            ({"name": "x" * 121}, "max_length", "name"),
            ({"slug": "taken"}, "slug_taken", "slug"),
            ({"is_active": "perhaps"}, "invalid", "is_active"),
        ),
        label="Summer",
        shown={"slug": "summer", "image": None, "position": 0},
        key="slug",
    ),
]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.path)
def test_staff_edit_by_rest_what_they_edit_in_the_admin(
    resource: Resource, make_user: Callable[..., User], make_category: Callable[..., Category]
) -> None:
    make_category("Taken")
    Collection.objects.create(name="Taken", slug="taken")
    live_through(resource, make_user)


def test_a_category_moves_with_its_descendants_and_products(
    as_staff: APIClient, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    kitchen = as_staff.post(CATEGORIES, {"name": "Kitchen"}).json()
    mugs = as_staff.post(CATEGORIES, {"name": "Mugs", "parent": kitchen["id"]}).json()
    tall = as_staff.post(CATEGORIES, {"name": "Tall", "parent": mugs["id"]}).json()
    assert tall["path"] == "kitchen/mugs/tall"
    make_product("Latte", category=Category.objects.get(slug="tall"))
    listed = anonymous.get(CATEGORIES).json()
    assert [(each["slug"], each["product_count"], "position" in each) for each in listed] == [
        ("kitchen", 1, False),
        ("mugs", 1, False),
        ("tall", 1, False),
    ]
    before = dump_database()
    for at in ("kitchen", kitchen["id"]):
        assert refusal(as_staff.patch(f"{CATEGORIES}{at}/", {"parent": tall["id"]}), 400) == (
            "category_cycle",
            "parent",
        )
    reply = as_staff.delete(f"{CATEGORIES}tall/")
    assert refusal(reply, 409) == ("category_in_use", None)
    assert "1 product." in reply.json()["errors"][0]["detail"]
    assert "1 category" in as_staff.delete(f"{CATEGORIES}mugs/").json()["errors"][0]["detail"]
    assert dump_database() == before

    moved = as_staff.patch(f"{CATEGORIES}{mugs['id']}/", {"parent": None, "slug": "cups"}).json()
    run_due()
    assert (moved["path"], moved["product_count"]) == ("cups", 1)
    assert anonymous.get(f"{CATEGORIES}tall/").json()["path"] == "cups/tall"
    assert as_staff.get(f"{CATEGORIES}tall/").json()["position"] == 0
    assert anonymous.get(f"{CATEGORIES}kitchen/").json()["product_count"] == 0
    former = anonymous.get(f"{CATEGORIES}mugs/")
    assert (former.status_code, former["Location"]) == (301, f"http://testserver{CATEGORIES}cups/")
    assert anonymous.get(f"{PRODUCTS}?category=cups").json()["count"] == 1
    as_staff.patch(f"{CATEGORIES}tall/", {"name": "Very tall"})
    run_due()
    assert anonymous.get(PRODUCTS).json()["results"][0]["category"]["name"] == "Very tall"
    assert as_staff.delete(f"{CATEGORIES}kitchen/").status_code == 204
    # Two that would each contain the other: one is refused.
    one, two = (as_staff.post(CATEGORIES, {"name": name}).json() for name in ("One", "Two"))
    replies = run_concurrently(
        lambda: as_staff.patch(f"{CATEGORIES}one/", {"parent": two["id"]}),
        lambda: as_staff.patch(f"{CATEGORIES}two/", {"parent": one["id"]}),
    )
    assert sorted(each.status_code for each in replies) == [200, 400]
    assert audit.violations() == []


def test_a_collection_is_filled_and_sorted_and_shown_when_it_is_active(
    as_staff: APIClient, as_customer: APIClient, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    pot = [make_product(name, sku=name.upper()) for name in ("Mug", "Cup", "Pot")][-1]
    make_product("Draft", is_active=False)
    as_staff.post(COLLECTIONS, {"name": "Summer", "is_active": False})
    at = f"{COLLECTIONS}summer/"
    products = f"{at}products/"

    def placed() -> list[str]:
        return [each["slug"] for each in as_staff.get(products).json()["results"]]

    assert as_staff.patch(products, {"add": ["mug", "CUP", str(pot.pk), "draft"]}).status_code == 204
    assert placed() == ["mug", "cup", "pot", "draft"]
    before = dump_database()
    for body, code, attr in (
        ({"add": ["mug", "NONE"]}, "does_not_exist", "add"),
        ({"remove": ["0" * 24]}, "does_not_exist", "remove"),
        ({"order": "mug"}, "not_a_list", "order"),
        ({"add": ["x"] * 501}, "max_length", "add"),
    ):
        assert refusal(as_staff.patch(products, body), 400) == (code, attr), body
    for client, status in ((anonymous, 401), (as_customer, 403)):
        assert client.get(products).status_code == client.patch(products, {"add": ["mug"]}).status_code == status
    assert dump_database() == before
    as_staff.patch(products, {"remove": ["cup"], "order": ["POT", "mug"], "add": ["cup", "mug"]})
    assert placed() == ["pot", "mug", "draft", "cup"]
    # Staff who write back what they read do not take a product out of it.
    collections = {client: client.get(f"{PRODUCTS}mug/").json()["collections"] for client in (as_staff, anonymous)}
    assert collections == {as_staff: [{"name": "Summer", "slug": "summer"}], anonymous: []}

    # Customers do not see it before it is active, and never its drafts.
    assert anonymous.get(at).status_code == 404
    assert anonymous.get(COLLECTIONS).json()["results"] == []
    assert as_staff.get(COLLECTIONS).json()["results"][0]["is_active"] is False
    as_staff.patch(at, {"is_active": True, "slug": "hot"})
    shown = anonymous.get(f"{COLLECTIONS}hot/").json()
    assert set(shown) == {"id", "name", "slug", "description", "image", "seo"}
    assert anonymous.get(at)["Location"].endswith("/collections/hot/")
    listed = anonymous.get(f"{PRODUCTS}?collection=hot").json()["results"]
    assert [each["slug"] for each in listed] == ["pot", "mug", "cup"]

    at = f"{COLLECTIONS}hot/"
    reply = as_staff.put(f"{at}image/", {"image": picture()}, format="multipart")
    assert reply.json()["image"] == anonymous.get(at).json()["image"] is not None
    assert as_staff.put(f"{at}image/", {"image": "none"}, format="multipart").status_code == 400
    assert as_staff.delete(f"{at}image/").status_code == 204
    assert anonymous.get(at).json()["image"] is None
    assert as_staff.delete(at).status_code == 204
    run_due()
    assert not Product.objects.exclude(collections=[]).exists()
    logged = StaffAction.objects.filter(model="catalog.collection").order_by("pk").values_list("action", "fields")
    assert [(action, fields) for action, fields in logged] == [
        ("add", ["is_active", "name"]),
        ("change", ["products"]),
        ("change", ["products"]),
        ("change", ["is_active", "slug"]),
        ("change", ["image"]),
        ("change", ["image"]),
        ("delete", []),
    ]


def test_variants_are_added_sorted_deactivated_and_deleted_one_by_one(
    as_staff: APIClient, as_customer: APIClient, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    tee = make_product("Tee", variants=[{"sku": "TEE-S", "options": {"size": "S"}, "price": "10", "stock": 2}])
    small = Variant.objects.get()
    at, variants = f"{PRODUCTS}{tee.pk}/", f"{API}/variants/"
    body = {"sku": "TEE-M", "options": {"size": "M"}, "price": "9.00", "stock": 3, "cost": "4", "weight": 200}
    before = dump_database()
    for client, status in ((anonymous, 401), (as_customer, 403)):
        assert client.post(f"{at}variants/", body).status_code == status
        assert client.get(f"{variants}{small.pk}/").status_code == status
        assert client.delete(f"{variants}{small.pk}/").status_code == status
        assert client.post(f"{at}duplicate/").status_code == status
    for change, code in (
        ({"sku": "tee-s"}, "sku_taken"),
        ({"options": {"size": "s"}}, "duplicate_options"),
        ({"price": None}, "null"),
        ({"sale_price": "9.50"}, "invalid_sale"),
        ({"barcode": "123"}, "invalid"),
    ):
        assert refusal(as_staff.post(f"{at}variants/", {**body, **change}), 400)[0] == code, change
    assert refusal(as_staff.delete(f"{variants}{small.pk}/"), 409) == ("last_variant", None)
    assert as_staff.post(f"{PRODUCTS}{'0' * 24}/variants/", body).status_code == 404
    assert dump_database() == before

    medium = as_staff.post(f"{at}variants/", body).json()
    assert (medium["sku"], medium["stock"], medium["position"], medium["cost"]) == ("TEE-M", 3, 1, "4.00")
    assert as_staff.get(f"{variants}{medium['id']}/").json() == medium
    assert anonymous.get(at).json()["price"] == "9.00"
    as_staff.patch(f"{variants}{small.pk}/", {"position": 5})
    assert [each["sku"] for each in anonymous.get(at).json()["variants"]] == ["TEE-M", "TEE-S"]
    assert as_staff.patch(f"{variants}{medium['id']}/", {"is_active": False}).json()["is_active"] is False
    shown = anonymous.get(at).json()
    assert (shown["price"], [each["sku"] for each in shown["variants"]]) == ("10.00", ["TEE-S"])
    assert "position" not in shown["variants"][0]

    copy = as_staff.post(f"{at}duplicate/")
    assert (copy.status_code, copy.json()["is_active"]) == (201, False)
    assert [each["stock"] for each in copy.json()["variants"]] == [0]
    assert anonymous.get(f"{PRODUCTS}{copy.json()['id']}/").status_code == 404
    assert as_staff.get(f"{PRODUCTS}?status=draft").json()["count"] == 1
    # The last two at the same time: one stays.
    replies = run_concurrently(*(lambda pk=pk: as_staff.delete(f"{variants}{pk}/") for pk in (small.pk, medium["id"])))
    assert sorted(each.status_code for each in replies) == [204, 409]
    assert Variant.objects.filter(product=tee).count() == 1
    logged = StaffAction.objects.filter(model="catalog.variant").order_by("pk").values_list("action", flat=True)
    assert list(logged) == ["stock", "add", "change", "change", "delete"]
    assert audit.violations() == []
