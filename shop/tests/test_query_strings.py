"""Query strings of every list: empty values, unknown filters, pages; facets and admin have the same filters."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from rest_framework.test import APIClient

from catalog.collections.models import Collection
from catalog.listing.parameters import ProductFiltersSerializer
from catalog.models import Category, Product
from catalog.tests.conftest import LIST
from shop.dev.testing.replies import refusal
from shop.dev.testing.routes import operations, schema

pytestmark = pytest.mark.django_db

FACETS = f"{LIST}facets/"


@pytest.fixture
def lists(make_product: Callable[..., Product]) -> list[str]:
    mug = make_product("Mug")
    return [LIST, FACETS, "/api/v1/orders/", f"{LIST}{mug.pk}/reviews/", "/api/v1/users/me/addresses/"]


def described(path: str) -> list[dict[str, Any]]:
    (operation,) = [each for each in operations() if str(each) == f"GET {path}"]
    return [each for each in operation.description.get("parameters", []) if each["in"] == "query"]


def test_every_list_takes_each_of_its_parameters_without_a_value(
    as_staff: APIClient, lists: list[str], subtests: pytest.Subtests
) -> None:
    paths = ["/products/", "/products/facets/", "/orders/", "/products/{product_pk}/reviews/", "/users/me/addresses/"]
    for address, path in zip(lists, paths, strict=True):
        whole = as_staff.get(address).json()
        names = [each["name"] for each in described(path)]
        assert {"page", "page_size"} <= set(names) or path == "/products/facets/"
        for name in [*names, "attr_colour"] if "products/" in path[-16:] else names:
            for value in ("", " "):
                with subtests.test(path=path, name=name, value=value):
                    assert as_staff.get(address, {name: value} if name != "attributes" else {}).json() == whole
        with subtests.test(path=path, names="all at once"):
            assert as_staff.get(address, dict.fromkeys(set(names) - {"attributes"}, "")).json() == whole


@pytest.mark.parametrize(
    "name",
    [
        "attributes[colour]",
        "option[size]",
        "options",
        "attributes",
        "status[]",
        "price__gte",
        "attribute_colour",
        "tags",
    ],
)
def test_what_looks_like_a_filter_and_is_none_is_refused(
    as_staff: APIClient, lists: list[str], name: str, subtests: pytest.Subtests
) -> None:
    for address in lists:
        with subtests.test(address=address):
            assert refusal(as_staff.get(address, {name: "x"}), 400) == ("unknown_filter", name)
            assert as_staff.get(address, {"utm_source": "mail", "$where": "1", "__hstc": "1"}).status_code == 200


def test_pages_are_read_in_one_way(as_staff: APIClient, lists: list[str], subtests: pytest.Subtests) -> None:
    for address in lists:
        if address == FACETS:
            continue
        for size in ("0", "-1", "abc", "1.5", "1e1", "+5", "null", "true"):
            with subtests.test(address=address, page_size=size):
                assert refusal(as_staff.get(address, {"page_size": size}), 400) == ("invalid", "page_size")
        for page in ("0", "-1", "abc", "1.5", "last", "9" * 40):
            with subtests.test(address=address, page=page):
                assert refusal(as_staff.get(address, {"page": page}), 404) == ("not_found", None)
        assert as_staff.get(address, {"page": 1, "page_size": "9" * 40}).status_code == 200


def test_truth_values_are_read_in_one_way(anonymous: APIClient, lists: list[str], subtests: pytest.Subtests) -> None:
    for address, name in ((LIST, "in_stock"), (FACETS, "in_stock"), (lists[3], "mine")):
        for value in ("true", "false", "True", "1", "0"):
            assert anonymous.get(address, {name: value}).status_code == 200
        for value in ("yes", "t", "on", "2", "null", "None"):
            with subtests.test(address=address, value=value):
                assert refusal(anonymous.get(address, {name: value}), 400) == ("invalid", name)


def test_facets_and_the_admin_know_every_filter_of_the_list(
    anonymous: APIClient,
    make_product: Callable[..., Product],
    make_category: Callable[..., Category],
    subtests: pytest.Subtests,
) -> None:
    """A filter that is added to the list fails here until all three know it."""
    summer = Collection.objects.create(name="Summer", slug="summer")
    make_product("Dear hat", price="50", stock=0, category=make_category("Hats"))
    mug = make_product(
        "Cheap mug",
        category=make_category("Mugs"),
        attributes={"colour": "red"},
        brand="Kiln Row",
        tags=["new"],
        collections=[summer.pk],
        variants=[{"sku": "MUG", "options": {"size": "M"}, "price": "5", "stock": 3}],
    )
    narrowing = {
        "category": "mugs",
        "brand": "kiln-row",
        "tag": "new",
        "collection": "summer",
        "sku": "mug",
        "updated_since": mug.updated_at.isoformat().replace("+", "%2B"),
        "opt_in_stock": "true",
        "options": "opt_size=m",
        "min_price": "6",
        "max_price": "6",
        "in_stock": "true",
        "search": "mug",
        "attributes": "attr_colour=red",
    }
    # Drafts are for staff, and are not counted.
    paging = {"page", "page_size", "ordering", "cursor", "expand", "status"}
    of_list = {each["name"]: each for each in described("/products/") if each["name"] not in paging}
    of_facets = {each["name"]: each for each in described("/products/facets/")}
    assert of_list == of_facets
    assert set(of_list) == set(narrowing) == {*ProductFiltersSerializer().fields, "attributes", "options"}
    for name, value in narrowing.items():
        with subtests.test(name=name):
            query = value if "=" in value else f"{name}={value}"
            assert anonymous.get(f"{LIST}?{query}").json()["count"] == 1
            assert anonymous.get(f"{FACETS}?{query}").json()["count"] == 1
    # The filter or search of the admin's list that finds the same; None if a column sorts by it.
    in_admin = {
        "category": "category",
        "in_stock": "in_stock",
        "search": "search",
        "min_price": None,
        "max_price": None,
        "attributes": "search",
        "options": "search",
        "opt_in_stock": "in_stock",
        "sku": "search",
        "updated_since": None,
        "brand": "brand",
        "tag": "tag",
        "collection": "collection",
    }
    assert set(in_admin) == set(of_list)
    product_admin = admin.site.get_model_admin(Product)
    filters = {each[0] if isinstance(each, tuple) else each.parameter_name for each in product_admin.list_filter}
    assert {name for name in in_admin.values() if name} - {"search"} <= filters


def test_a_category_may_be_given_again(
    anonymous: APIClient, make_product: Callable[..., Product], make_category: Callable[..., Category]
) -> None:
    for name in ("Mugs", "Hats", "Socks"):
        make_product(name, category=make_category(name))
    query = "category=mugs&category=Hats&category=&category=mugs"
    assert [each["name"] for each in anonymous.get(f"{LIST}?{query}").json()["results"]] == ["Hats", "Mugs"]
    facets = anonymous.get(f"{FACETS}?{query}").json()
    assert facets["count"] == 2
    assert {each["slug"]: each["count"] for each in facets["categories"]} == {"mugs": 1, "hats": 1, "socks": 1}
    assert refusal(anonymous.get(f"{LIST}?category=mugs&category=nowhere"), 400) == ("does_not_exist", "category")


def test_a_repeated_filter_is_described_with_what_its_values_must_be() -> None:
    (category,) = [each for each in described("/products/") if each["name"] == "category"]
    items = {"type": "string", "minLength": 1, "maxLength": 140, "pattern": "^[-a-zA-Z0-9_]+$"}
    assert category["schema"] == {"type": "array", "items": items, "maxItems": 50}


def test_texts_that_parameters_take_are_described_without_nul(as_staff: APIClient) -> None:
    texts = [
        (str(operation).removeprefix("GET "), each["name"], each["schema"].get("items", each["schema"]))
        for operation in operations()
        if operation.method == "GET"
        for each in operation.description.get("parameters", [])
        if each["in"] == "query"
    ]
    texts = [each for each in texts if each[2].get("type") == "string" and "enum" not in each[2]]
    assert {("/products/", "search"), ("/products/", "sku")} <= {(path, name) for path, name, _ in texts}
    for path, name, described in texts:
        assert not re.search(described["pattern"], "a\0b"), (path, name)
        assert as_staff.get(f"/api/v1{path}", {name: "a\0b"}).status_code in (400, 404), (path, name)


def test_the_documentation_fills_in_no_filter() -> None:
    """Swagger UI sends `example`, `default` and, of objects, the sample that it makes of their schema."""
    for path, methods in schema()["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["in"] != "query":
                continue
            described = parameter["schema"]
            assert not {"example", "examples"} & parameter.keys(), (path, parameter["name"])
            assert "example" not in described
            if described.get("type") == "object":
                assert described["default"] == {}, (path, parameter["name"])
            else:
                harmless = {None, False, 20, 100, "newest"}
                assert described.get("default") in harmless, (path, parameter["name"])
