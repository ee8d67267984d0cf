"""Products of several categories are found and counted in all of them, each time once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from catalog import categories, category_products, services
from catalog.errors import CategoryInUse
from catalog.models import Category, Product
from catalog.tests.conftest import LIST
from catalog.tests.files import export_products, import_products, rows_of
from catalog.tests.product_page import run_jobs, save
from shop.audit import violations
from shop.dev.testing.replies import refusal

pytestmark = pytest.mark.django_db

Names = Callable[..., list[str]]


@pytest.fixture
def tree(make_category: Callable[..., Category]) -> dict[str, Category]:
    home = make_category("Home")
    return {
        "home": home,
        "kitchen": make_category("Kitchen", parent=home),
        "gifts": make_category("Gifts", parent=home),
        "office": make_category("Office"),
    }


@pytest.fixture
def mugs(make_product: Callable[..., Product], tree: dict[str, Category]) -> list[Product]:
    """Five in the kitchen that are also gifts, and one that is not."""
    make_product("Pan", category=tree["kitchen"])
    return [
        make_product(f"Mug {number}", category=tree["kitchen"], additional_categories=[tree["gifts"].pk])
        for number in range(5)
    ]


def counts(client: APIClient) -> dict[str, int]:
    listed = {each["slug"]: each["product_count"] for each in client.get("/api/v1/categories/").json()}
    for slug, count in listed.items():
        assert client.get(f"/api/v1/categories/{slug}/").json()["product_count"] == count
        assert client.get(LIST, {"category": slug}).json()["count"] == count
    assert violations() == []
    return listed


def test_counts_and_filters_follow_all_categories(
    anonymous: APIClient, as_staff: APIClient, browser: Client, tree: dict[str, Category], mugs: list[Product]
) -> None:
    assert counts(anonymous) == {"home": 6, "kitchen": 6, "gifts": 5, "office": 0}
    facets = {each["slug"]: each["count"] for each in anonymous.get(f"{LIST}facets/").json()["categories"]}
    assert facets == {"home": 6, "kitchen": 6, "gifts": 5}
    first, second, third, fourth, _ = mugs
    url = f"{LIST}{first.pk}/"
    reply = as_staff.patch(url, {"additional_categories": ["office", "gifts", "office"]}, format="json").json()
    assert [each["slug"] for each in reply["additional_categories"]] == ["gifts", "office"]
    assert reply["category"]["slug"] == "kitchen"
    assert counts(anonymous) == {"home": 6, "kitchen": 6, "gifts": 5, "office": 1}
    services.set_active_of_many([first.pk, second.pk], is_active=False)
    assert counts(anonymous) == {"home": 4, "kitchen": 4, "gifts": 3, "office": 0}
    services.set_active_of_many([first.pk, second.pk], is_active=True)
    save(browser, second, additional_categories=[str(tree["office"].pk)])
    assert as_staff.delete(f"{LIST}{third.pk}/").status_code == 204
    as_staff.patch(f"{LIST}{fourth.pk}/", {"category": None}, format="json")
    assert counts(anonymous) == {"home": 5, "kitchen": 4, "gifts": 3, "office": 2}
    as_staff.patch(f"{LIST}{fourth.pk}/", {"additional_categories": []}, format="json")
    assert counts(anonymous) == {"home": 4, "kitchen": 4, "gifts": 2, "office": 2}
    wrong = as_staff.patch(url, {"additional_categories": ["nothing"]}, format="json")
    assert refusal(wrong, 400) == ("does_not_exist", "additional_categories")


def test_moves_and_renames_reach_products_of_several_categories_in_steps(
    anonymous: APIClient, tree: dict[str, Category], mugs: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(category_products, "REFRESHED_TOGETHER", 2)
    monkeypatch.setattr(category_products, "RENAMED_TOGETHER", 2)
    for moved, parent, expected in (
        ("gifts", "office", {"home": 6, "kitchen": 6, "gifts": 5, "office": 5}),
        ("kitchen", "office", {"home": 0, "kitchen": 6, "gifts": 5, "office": 6}),
        ("gifts", "home", {"home": 5, "kitchen": 6, "gifts": 5, "office": 6}),
    ):
        category = Category.objects.get(slug=moved)
        category.parent = tree[parent]
        categories.save_category(category=category)
        run_jobs()
        assert counts(anonymous) == expected
    category = Category.objects.get(slug="kitchen")
    category.name = "Cooking"
    categories.save_category(category=category)
    run_jobs()
    assert anonymous.get(LIST, {"search": "cooking"}).json()["count"] == 6
    assert counts(anonymous)["home"] == 5


def test_a_category_is_not_deleted_while_it_is_an_additional_one(
    browser: Client, tree: dict[str, Category], mugs: list[Product]
) -> None:
    with pytest.raises(CategoryInUse):
        categories.delete_category(category=tree["gifts"])


def test_additional_categories_are_exported_and_imported(
    anonymous: APIClient, tree: dict[str, Category], mugs: list[Product], tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = rows_of(export_products(tmp_path))
    assert [row["additional_categories"] for row in rows] == ["", *["gifts"] * 5]
    changed = [{"sku": row["sku"], "additional_categories": "office, gifts"} for row in rows[:2]]
    import_products(tmp_path, changed)
    assert counts(anonymous) == {"home": 6, "kitchen": 6, "gifts": 6, "office": 2}
