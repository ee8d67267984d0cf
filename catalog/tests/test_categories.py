"""The category tree."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog import categories, category_products, services
from catalog.errors import CategoryCycle, CategoryInUse
from catalog.models import Category, Product
from shop import audit, jobs
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import keys_and_documents
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import run_concurrently

pytestmark = pytest.mark.django_db

URL = "/api/v1/categories/"


@pytest.fixture
def tree(make_category: Callable[..., Category]) -> dict[str, Category]:
    clothes = make_category("Clothes")
    shirts = make_category("Shirts", parent=clothes)
    linen = make_category("Linen", parent=shirts)
    return {"clothes": clothes, "shirts": shirts, "linen": linen, "books": make_category("Books")}


def counts(client: APIClient) -> dict[str, int]:
    return {entry["slug"]: entry["product_count"] for entry in client.get(URL).json()}


def test_the_list_is_flat_with_parents_before_their_children(anonymous: APIClient, tree: dict[str, Category]) -> None:
    listed = anonymous.get(URL).json()
    assert listed == [
        {
            "id": str(category.pk),
            "name": category.name,
            "slug": category.slug,
            "parent": str(category.parent_id) if category.parent_id else None,
            "path": path,
            "product_count": 0,
            "seo": {"title": "", "description": ""},
        }
        for category, path in (
            (tree["books"], "books"),
            (tree["clothes"], "clothes"),
            (tree["shirts"], "clothes/shirts"),
            (tree["linen"], "clothes/shirts/linen"),
        )
    ]


def test_parents_come_first_even_among_slugs_with_the_same_prefix(
    anonymous: APIClient, make_category: Callable[..., Category]
) -> None:
    a = make_category("A", slug="a")
    for slug in ("a-b", "a0", "ab"):
        make_category(slug, slug=slug)
    child = make_category("Z", slug="z", parent=a)
    make_category("Y", slug="y", parent=child)
    seen: set[str] = set()
    for entry in anonymous.get(URL).json():
        assert entry["parent"] is None or entry["parent"] in seen
        seen.add(entry["id"])
    assert len(seen) == 6


def test_sisters_come_by_position_and_then_by_name(
    anonymous: APIClient, tree: dict[str, Category], make_category: Callable[..., Category]
) -> None:
    for name in ("Älteres", "zoo", "Antiques"):
        make_category(name, slug=f"under-{ord(name[0])}", parent=tree["clothes"])
    for slug, position in {"shirts": 2, "books": 1}.items():
        tree[slug].position = position
        categories.save_category(category=tree[slug])
    names = [entry["name"] for entry in anonymous.get(URL).json()]
    assert names == ["Clothes", "Älteres", "Antiques", "zoo", "Shirts", "Linen", "Books"]


def test_counts_include_what_is_below_and_leave_out_what_is_inactive(
    anonymous: APIClient, tree: dict[str, Category], make_product: Callable[..., Product]
) -> None:
    for category in ("clothes", "shirts", "linen", "linen"):
        make_product(category=tree[category])
    make_product(category=tree["linen"], is_active=False)
    make_product()
    assert counts(anonymous) == {"books": 0, "clothes": 4, "shirts": 3, "linen": 2}
    for slug, count in counts(anonymous).items():
        assert anonymous.get(f"{URL}{slug}/").json()["product_count"] == count


def test_counts_follow_whatever_happens_to_products(
    anonymous: APIClient, as_staff: APIClient, tree: dict[str, Category], make_product: Callable[..., Product]
) -> None:
    product = make_product(category=tree["linen"])
    url = f"/api/v1/products/{product.pk}/"

    def after(change: Callable[[], Any]) -> dict[str, int]:
        change()
        assert audit.violations() == []
        return {slug: count for slug, count in counts(anonymous).items() if count}

    in_linen = {"clothes": 1, "shirts": 1, "linen": 1}
    assert after(lambda: None) == in_linen
    assert after(lambda: as_staff.patch(url, {"name": "New"})) == in_linen
    assert after(lambda: as_staff.patch(url, {"category": "books"})) == {"books": 1}
    assert after(lambda: as_staff.patch(url, {"category": None})) == {}
    assert after(lambda: as_staff.patch(url, {"category": "shirts"})) == {"clothes": 1, "shirts": 1}
    assert after(lambda: as_staff.patch(url, {"is_active": False})) == {}
    assert after(lambda: as_staff.patch(url, {"category": "linen"})) == {}
    assert after(lambda: as_staff.patch(url, {"is_active": True})) == in_linen
    # The instance that was read before these changes.
    assert after(lambda: categories.save_category(category=tree["linen"])) == in_linen
    assert after(lambda: services.set_active([product, product], is_active=True)) == in_linen
    assert after(lambda: services.set_active([product], is_active=False)) == {}
    assert after(lambda: services.set_active([product], is_active=True)) == in_linen
    assert after(lambda: as_staff.delete(url)) == {}


def test_counts_add_up_when_many_write_at_once(
    anonymous: APIClient, tree: dict[str, Category], make_product: Callable[..., Product]
) -> None:
    doomed, hidden = make_product(category=tree["books"]), make_product(category=tree["books"])
    run_concurrently(
        lambda: services.create_product(data={"name": "A", "price": "1", "category": tree["books"]}),
        lambda: services.create_product(data={"name": "B", "price": "1", "category": tree["books"]}),
        lambda: services.update_product(product=hidden, data={"is_active": False}),
        lambda: services.set_active([hidden], is_active=False),
        lambda: services.delete_product(product=doomed),
    )
    assert counts(anonymous)["books"] == 2
    assert audit.violations() == []


def test_a_category_is_found_by_its_slug(anonymous: APIClient, tree: dict[str, Category]) -> None:
    reply = anonymous.get(f"{URL}shirts/")
    assert reply.status_code == 200
    assert reply.json() == next(entry for entry in anonymous.get(URL).json() if entry["slug"] == "shirts")


@pytest.mark.parametrize("slug", ["nowhere", "$ne", "%00", ".*", "shirt", "a%20b", "%F0%9F"])
def test_a_category_that_does_not_exist_is_404(anonymous: APIClient, tree: dict[str, Category], slug: str) -> None:
    assert refusal(anonymous.get(f"{URL}{slug}/"), 404) == ("not_found", None)


def test_a_shop_without_categories_lists_none(anonymous: APIClient, db: None) -> None:
    reply = anonymous.get(URL)
    assert (reply.status_code, reply.json()) == (200, [])


# --- Moving and renaming ----------------------------------------------------------------------------------------------


def test_a_renamed_category_is_renamed_in_its_products(
    anonymous: APIClient, tree: dict[str, Category], make_product: Callable[..., Product]
) -> None:
    inside, outside = make_product(category=tree["shirts"]), make_product(category=tree["books"])
    shirts = tree["shirts"]
    shirts.name, shirts.slug = "Tops", "tops"
    categories.save_category(category=shirts)

    product = anonymous.get(f"/api/v1/products/{inside.slug}/").json()
    assert product["category"] == {"id": str(shirts.pk), "name": "Tops", "slug": "tops"}
    assert anonymous.get(f"/api/v1/products/{outside.slug}/").json()["category"]["name"] == "Books"
    assert [entry["path"] for entry in anonymous.get(URL).json()] == [
        "books",
        "clothes",
        "clothes/tops",
        "clothes/tops/linen",
    ]
    assert anonymous.get("/api/v1/products/", {"category": "shirts"}).json()["count"] == 1
    for search, found in {"tops": 1, "top": 1, "to": 1, "shirts": 0, "shi": 0, "books": 1}.items():
        assert anonymous.get("/api/v1/products/", {"search": search}).json()["count"] == found, search


def test_a_moved_category_takes_everything_below_along(
    anonymous: APIClient, tree: dict[str, Category], make_product: Callable[..., Product], names: Callable
) -> None:
    make_product("Shirt", category=tree["shirts"])
    make_product("Linen shirt", category=tree["linen"])
    make_product("Coat", category=tree["clothes"])
    shirts = tree["shirts"]
    shirts.parent = tree["books"]
    categories.save_category(category=shirts)
    jobs.run_due()

    assert counts(anonymous) == {"books": 2, "shirts": 2, "linen": 1, "clothes": 1}
    assert set(names(category="books")) == {"Shirt", "Linen shirt"}
    assert names(category="clothes") == ["Coat"]
    assert names(category="linen") == ["Linen shirt"]


def test_many_products_are_renamed_by_the_worker_in_order_of_their_ids(
    tree: dict[str, Category], make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(category_products, "RENAMED_TOGETHER", 2)
    inside = [make_product(category=tree["shirts"]) for _ in range(5)]
    outside = make_product(category=tree["books"])
    moved = Product.objects.get(pk=inside[3].pk)
    shirts = tree["shirts"]

    def rename(name: str) -> None:
        shirts.name = name
        categories.save_category(category=shirts)

    def shown() -> list[str]:
        return [Product.objects.get(pk=product.pk).category_name for product in inside]

    jobs.run_due()
    rename("Tops")
    assert shown() == ["Tops", "Tops", "Shirts", "Shirts", "Shirts"]
    assert jobs.run_due() >= 1
    assert shown() == ["Tops", "Tops", "Tops", "Tops", "Shirts"]
    # Again, while the first job is under way.
    rename("Upper body")
    services.update_product(product=moved, data={"category": tree["books"]})
    while jobs.run_due():
        pass
    assert shown() == ["Upper body", "Upper body", "Upper body", "Books", "Upper body"]
    assert Product.objects.get(pk=outside.pk).category_name == "Books"
    assert audit.violations() == []


def test_a_step_of_a_renaming_reads_no_other_products(
    tree: dict[str, Category], make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    for category in ("shirts", "books"):
        for _ in range(5):
            make_product(category=tree[category])
    jobs.run_due()
    monkeypatch.setattr(category_products, "RENAMED_TOGETHER", 2)
    categories.save_category(category=tree["shirts"])
    with count_commands() as commands:
        jobs.run_due()
    look_up = next(command for command in commands.on("catalog_product") if command.name == "aggregate")
    keys, documents = keys_and_documents(look_up)
    assert (keys <= 3, documents) == (True, 0)


# --- Read-only --------------------------------------------------------------------------------------------------------


def test_two_opposite_moves_at_once_never_make_a_circle(make_category):
    first, second = make_category("First"), make_category("Second")

    def move(category_id, parent_id):
        try:
            category = Category.objects.get(pk=category_id)
            category.parent_id = parent_id
            categories.save_category(category=category)
        except CategoryCycle:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        moved = list(pool.map(move, [first.pk, second.pk], [second.pk, first.pk]))

    assert sorted(moved) == [False, True]
    assert sorted(len(category.lineage) for category in Category.objects.all()) == [1, 2]


def test_a_category_that_holds_something_is_not_deleted(make_category, make_product):
    parent = make_category("Parent")
    child = make_category("Child", parent=parent)
    make_product(category=child)
    for category in (parent, child):
        with pytest.raises(CategoryInUse):
            categories.delete_category(category=category)
    assert Category.objects.count() == 2
