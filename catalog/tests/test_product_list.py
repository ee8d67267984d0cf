"""The product list: its shape and pages."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from django.db import connection
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from catalog.models import Category, Product
from catalog.tests.conftest import LIST, put_on_shelf
from shop.dev.testing.replies import refusal

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


def test_a_list_entry_has_the_shape_of_the_contract(
    anonymous: APIClient, make_product: Callable[..., Product], make_category: Callable[..., Category]
) -> None:
    mugs = make_category("Mugs")
    product = make_product("Blue mug", price="12.50", compare_at_price="15", category=mugs, description="Big")
    assert anonymous.get(LIST).json() == {
        "corrected_query": None,
        "count": 1,
        "count_exact": True,
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(product.pk),
                "name": "Blue mug",
                "slug": "blue-mug",
                "price": "12.50",
                "price_min": "12.50",
                "price_max": "12.50",
                "compare_at_price": "15.00",
                "currency": "usd",
                "in_stock": True,
                "image": None,
                "rating": {"average": None, "count": 0},
                "category": {"id": str(mugs.pk), "name": "Mugs", "slug": "mugs"},
                "item_images": [],
                "options": [],
                "brand": "",
                "tags": [],
                "updated_at": product.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        ],
    }


def test_a_bare_product_says_null_for_what_it_has_not(
    anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    make_product(stock=0)
    entry = anonymous.get(LIST).json()["results"][0]
    assert (entry["compare_at_price"], entry["image"], entry["category"]) == (None, None, None)
    assert entry["in_stock"] is False


def test_products_of_an_older_release_are_listed_with_defaults(
    anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    for name in ("Cup", "Mug"):
        make_product(name)
    current = anonymous.get(LIST).json()["results"]
    later = dict.fromkeys(("brand", "tags", "options", "regular_price", "next_price_at", "compare_at_price"), "")
    connection.database[Product._meta.db_table].update_one({"name": "Cup"}, {"$unset": later})
    assert anonymous.get(LIST).json()["results"] == current


def test_an_empty_shop_lists_nothing(anonymous: APIClient, db: None) -> None:
    reply = anonymous.get(LIST)
    assert reply.status_code == 200
    nothing = {"count": 0, "count_exact": True, "next": None, "previous": None, "results": []}
    assert reply.json() == {"corrected_query": None, **nothing}


def test_the_list_shows_all_users_the_same_active_products(
    anonymous: APIClient, as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    make_product("Shown")
    make_product("Hidden", is_active=False)
    replies = [client.get(LIST).json() for client in (anonymous, as_customer, as_staff)]
    assert [product["name"] for product in replies[0]["results"]] == ["Shown"]
    assert replies[0] == replies[1] == replies[2]


def test_the_price_of_a_product_is_its_cheapest_active_variants(
    anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    prices = {"L": "9.00", "S": "7.50", "M": "8"}
    make_product(variants=[{"sku": size, "options": {"size": size}, "price": price} for size, price in prices.items()])
    assert anonymous.get(LIST).json()["results"][0]["price"] == "7.50"


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def thirty(db: None) -> list[str]:
    """Names of thirty products, newest first."""
    return [product.name for product in put_on_shelf(*[{}] * 30)][::-1]


def test_pages_lead_to_each_other_and_back(anonymous: APIClient, thirty: list[str]) -> None:
    seen, pages, url = [], [], f"{LIST}?page_size=8&in_stock=true"
    while url:
        page = anonymous.get(url).json()
        assert (page["count"], page["count_exact"]) == (30, True)
        seen += [product["name"] for product in page["results"]]
        pages.append(page)
        url = page["next"]
        assert url is None or url.startswith("http://testserver/api/v1/products/?")
    assert seen == thirty
    assert [len(page["results"]) for page in pages] == [8, 8, 8, 6]
    assert pages[0]["previous"] is None
    for earlier, later in pairwise(pages):
        assert anonymous.get(later["previous"]).json() == earlier


def test_a_page_holds_what_page_size_says_and_20_otherwise(
    anonymous: APIClient, thirty: list[str], subtests: pytest.Subtests
) -> None:
    for page_size, shown in {"1": 1, "30": 30, "100": 30, "": 20}.items():
        with subtests.test(page_size=page_size):
            assert len(anonymous.get(LIST, {"page_size": page_size}).json()["results"]) == shown
    for page_size in ("0", "-5", "abc", "1e1", "+5", "\0"):
        with subtests.test(page_size=page_size):
            assert refusal(anonymous.get(LIST, {"page_size": page_size}), 400) == ("invalid", "page_size")


def test_a_page_holds_at_most_100(anonymous: APIClient, db: None) -> None:
    put_on_shelf(*[{}] * 101)
    for size in ("101", "1000000", "9" * 30):
        page = anonymous.get(LIST, {"page_size": size}).json()
        assert (len(page["results"]), page["count"]) == (100, 101)
        assert page["next"] is not None


def test_a_page_that_does_not_exist_is_404(anonymous: APIClient, thirty: list[str], subtests: pytest.Subtests) -> None:
    for page in ("4", "0", "-1", "abc", "1.5", "1e1", "9" * 9, "9" * 40, "\0", " 1", "١", "last"):
        with subtests.test(page=page):
            assert refusal(anonymous.get(LIST, {"page_size": 10, "page": page}), 404) == ("not_found", None)


def test_the_first_page_exists_even_if_nothing_matches(anonymous: APIClient, thirty: list[str]) -> None:
    page = anonymous.get(LIST, {"min_price": "1000", "page": "1"})
    assert (page.status_code, page.json()["count"], page.json()["results"]) == (200, 0, [])
    assert anonymous.get(LIST, {"min_price": "1000", "page": "2"}).status_code == 404


def test_unknown_parameters_are_ignored(anonymous: APIClient, thirty: list[str]) -> None:
    assert anonymous.get(LIST, {"utm_source": "mail", "$where": "1", "is_active": "false"}).json()["count"] == 30


def test_times_are_utc(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    detail = anonymous.get(f"{LIST}{make_product().pk}/").json()
    for field in ("created_at", "updated_at"):
        assert detail[field].endswith("Z")
        assert parse_datetime(detail[field]) is not None
