"""Staff manage categories in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from catalog.admin.categories import CategoryAdmin
from catalog.models import Category, Product
from catalog.tests.product_page import run_jobs
from shop.dev.testing.admin import allow, browser_of, errors_of, filled_in, url_of


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def change_category(browser: Client, category: Category, **changes: Any) -> Any:
    url = url_of("catalog.category", "change", category.pk)
    return browser.post(url, filled_in(browser.get(url)) | changes, follow=True)


def test_the_categories_are_listed_as_a_tree(browser: Client, make_category: Callable[..., Category]) -> None:
    socks, clothing = make_category("Socks"), make_category("Clothing")
    shirts = make_category("Shirts", parent=clothing)
    assert list(browser.get(url_of("catalog.category")).context["cl"].result_list) == [clothing, shirts, socks]


def test_the_categories_are_listed_in_the_order_of_the_shop(
    browser: Client, client: Client, make_category: Callable[..., Category]
) -> None:
    clothing, art = make_category("Clothing"), make_category("Art")
    socks, shirts, hats = (make_category(name, parent=clothing) for name in ("Socks", "Shirts", "Hats"))
    for position, category in enumerate((clothing, art, socks, hats, shirts)):
        Category.objects.filter(pk=category.pk).update(position=position)
    tree = [clothing, socks, hats, shirts, art]
    assert [each["slug"] for each in client.get("/api/v1/categories/").json()] == [each.slug for each in tree]
    assert list(browser.get(url_of("catalog.category")).context["cl"].result_list) == tree
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CategoryAdmin, "list_per_page", 2)
        pages = [browser.get(url_of("catalog.category"), {"p": page}).context["cl"].result_list for page in (1, 2, 3)]
    assert [category for page in pages for category in page] == tree
    assert offered_categories(browser) == ["Clothing", "\u2003Socks", "\u2003Hats", "\u2003Shirts", "Art"]

    # Sorting changes the order that the API returns.
    change_category(browser, clothing, **{"children-0-position": "1", "children-1-position": "0"})
    first = browser.get(url_of("catalog.category")).context["cl"].result_list
    assert list(first) == [clothing, hats, socks, shirts, art]


def test_moving_a_category_takes_its_products_along(
    browser: Client, make_category: Callable[..., Category], make_product: Callable[..., Product]
) -> None:
    clothing, shirts = make_category("Clothing"), make_category("Shirts")
    make_product(category=shirts)
    change_category(browser, shirts, parent=str(clothing.pk), name="All shirts")
    run_jobs()
    product = Product.objects.get()
    assert product.category_lineage == [clothing.pk, shirts.pk]
    assert product.category_name == "All shirts"
    assert Category.objects.get(pk=shirts.pk).path == "clothing/shirts"


def test_the_categories_in_a_category_are_put_in_order_on_its_page(
    browser: Client, make_category: Callable[..., Category]
) -> None:
    clothing = make_category("Clothing")
    shirts, socks = (make_category(name, parent=clothing) for name in ("Shirts", "Socks"))
    change_category(browser, clothing, **{"children-0-position": "1", "children-1-position": "0"})
    children = Category.objects.filter(parent=clothing).order_by("position")
    assert list(children) == [socks, shirts]
    assert list(children.values_list("path", flat=True)) == ["clothing/socks", "clothing/shirts"]


def test_a_category_cannot_be_moved_below_itself(browser: Client, make_category: Callable[..., Category]) -> None:
    clothing = make_category("Clothing")
    shirts = make_category("Shirts", parent=clothing)
    page = change_category(browser, clothing, parent=str(shirts.pk))
    assert errors_of(page) == {"parent": ["A category cannot be a subcategory of itself."]}
    assert Category.objects.get(pk=clothing.pk).parent_id is None


def test_a_category_in_use_is_not_deleted_and_the_page_says_why(
    browser: Client, make_category: Callable[..., Category], make_product: Callable[..., Product]
) -> None:
    clothing = make_category("Clothing")
    make_category("Shirts", parent=clothing)
    make_product(category=clothing)
    url = url_of("catalog.category", "delete", clothing.pk)
    why = "Clothing still contains 1 product and 1 category. Move them first."
    assert why in browser.get(url).content.decode()
    assert why in browser.post(url, {"post": "yes"}, follow=True).content.decode()
    assert Category.objects.count() == 2


def test_an_empty_category_is_deleted(browser: Client, make_category: Callable[..., Category]) -> None:
    browser.post(url_of("catalog.category", "delete", make_category().pk), {"post": "yes"})
    assert not Category.objects.exists()


def offered_categories(browser: Client, term: str = "") -> list[str]:
    asked = {"app_label": "catalog", "model_name": "product", "field_name": "category", "term": term}
    return [each["text"] for each in browser.get("/admin/autocomplete/", asked).json()["results"]]


def test_a_box_for_categories_offers_the_tree_and_shows_the_parents_of_matches(
    browser: Client, make_category: Callable[..., Category]
) -> None:
    make_category("Shirts", parent=make_category("Clothing"))
    make_category("Art")
    assert offered_categories(browser) == ["Art", "Clothing", "\u2003Shirts"]
    assert offered_categories(browser, "SHIR") == ["Shirts (clothing)"]
    assert offered_categories(browser, "(.*") == []


def test_staff_who_may_not_see_categories_are_not_offered_any(
    make_user: Callable[..., User], make_category: Callable[..., Category], shirt: Product
) -> None:
    make_category("Clothing")
    browser = browser_of(allow(make_user(), "catalog.view_product"))
    asked = {"app_label": "catalog", "model_name": "product", "field_name": "category"}
    assert browser.get("/admin/autocomplete/", asked).status_code == 403
    page = browser.get(url_of("catalog.product"))
    assert [str(spec.title) for spec in page.context["cl"].filter_specs] == ["brand", "tag", "active", "in stock"]
