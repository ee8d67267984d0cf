"""The cost of catalog reads does not grow with the catalog: 1,000 products, or 100,000 with `make test-slow`."""

import base64
import json
from io import StringIO
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from catalog.collections.models import Collection
from catalog.listing.count import FEW
from catalog.listing.orderings import ORDERINGS
from catalog.models import SEARCH_INDEX, Product
from catalog.tests.conftest import LIST
from shop.api.pagination import MAX_COUNTED
from shop.db import caches
from shop.dev.testing.commands import Commands, count_commands
from shop.dev.testing.plans import indexes_of_plans_kept, keys_and_documents, stages_of

SIZES = [1_000, pytest.param(100_000, marks=[pytest.mark.large, pytest.mark.slow])]
FACETS = f"{LIST}facets/"
PRODUCTS = Product._meta.db_table

# How many commands each request sends.
COMMANDS = {
    LIST: 1,
    f"{LIST}?page_size=100": 1,
    f"{LIST}?page=7": 1,
    f"{LIST}?category=category-3": 2,
    f"{LIST}?min_price=5&max_price=500&in_stock=true&attr_colour=red&attr_colour=blue&attr_size=m": 1,
    f"{LIST}?brand=fika&tag=new&updated_since=2020-01-01T00:00:00Z&expand=variants": 1,
    f"{LIST}?sku=SKU-7": 2,
    f"{LIST}?collection=summer&in_stock=true&expand=variants": 2,
    "/api/v1/collections/": 1,
    "/api/v1/collections/summer/": 1,
    f"{LIST}?search=product": 1,
    f"{LIST}?search=999th": 1,
    f"{LIST}?search=the+999th+product": 2,
    f"{LIST}?search=product&ordering=relevance": 2,
    f"{LIST}?search=the+999th+product&ordering=relevance&category=category-19": 4,
    FACETS: 2,
    f"{FACETS}?search=product": 2,
    f"{FACETS}?category=category-3": 4,
    f"{FACETS}?attr_colour=red": 3,
    f"{FACETS}?category=category-3&min_price=5&in_stock=true&attr_colour=red&attr_size=xl&search=the+bench+product": 10,
    f"{LIST}product-7/": 1,
    f"{LIST}product-7/reviews/": 2,
    "/api/v1/categories/": 1,
    "/api/v1/categories/category-3/": 2,
} | {f"{LIST}?ordering={quoted}": 1 for quoted in ORDERINGS}

FILTERS = [
    "",
    "category=category-3",
    "min_price=500",
    "max_price=500",
    "in_stock=true",
    "in_stock=false",
    "attr_colour=red",
    "attr_colour=red&attr_colour=blue",
    "brand=fika",
    "tag=new",
]
ONE_WORD = ["search=product", "search=pro", "search=12", "search=999th", "search=products"]
SEARCHES = [*ONE_WORD, "search=product+999th", "search=bench+product"]
IN_ORDER = [urlencode({"ordering": ordering}) for ordering in ORDERINGS]
# Requests that one index can serve: each filter, each ordering, a category by price, each search.
BY_ONE_INDEX = [
    *(f"{LIST}?{query}" for query in (*FILTERS, *IN_ORDER, *SEARCHES)),
    *(f"{LIST}?{ordering}&page=9" for ordering in IN_ORDER),
    *(f"{LIST}?category=category-3&ordering={ordering}" for ordering in ("price", "-price")),
]
BY_SEVERAL = [
    *(f"{LIST}?{search}&ordering=relevance" for search in SEARCHES),
    *(f"{FACETS}?{query}" for query in (*FILTERS, *SEARCHES)),
]


@pytest.fixture(params=SIZES)
def shop(request: pytest.FixtureRequest, db: None) -> None:
    """The catalog for benchmarks, with attributes, and every seventh product sold out."""
    call_command("seed", products=request.param, categories=20, images=1, users=0, stdout=StringIO())
    number = {"$toInt": {"$substrBytes": ["$slug", len("product-"), -1]}}
    pairs = [
        {"$concat": [f"{name}=", {"$arrayElemAt": [values, {"$mod": [number, len(values)]}]}]}
        for name, values in {"colour": ["red", "blue", "green"], "size": ["s", "m", "l", "xl"]}.items()
    ]
    changes = {
        "brand_slug": {"$arrayElemAt": [["", "fika"], {"$mod": [number, 2]}]},
        "tags": {"$arrayElemAt": [[[], ["new"], ["new", "oak"]], {"$mod": [number, 3]}]},
        "attribute_pairs": pairs,
        "in_stock": {"$ne": [{"$mod": [number, 7]}, 0]},
        "sales": {"$mod": [number, 100]},
    }
    connection.database[PRODUCTS].update_many({}, [{"$set": changes}])
    Collection.objects.create(name="Summer", slug="summer")


def sent(client: APIClient, url: str) -> Commands:
    caches.clear_all()
    with count_commands() as commands:
        reply = client.get(url)
    assert reply.status_code == 200, reply.content
    return commands


def test_reading_costs_the_same_in_a_shop_of_any_size(
    anonymous: APIClient, shop: None, subtests: pytest.Subtests
) -> None:
    """One test for all reads, because creating the large catalog takes longest."""
    for url, number in COMMANDS.items():
        with subtests.test("number of commands", url=url):
            commands = sent(anonymous, url)
            assert len(commands) == number, str(commands)
    for url in (*BY_ONE_INDEX, *BY_SEVERAL):
        for command in sent(anonymous, url).on(PRODUCTS):
            with subtests.test("plan", url=url, command=command):
                stages = stages_of(command)
                assert stages & {"IXSCAN", "COUNT_SCAN"}
                assert stages.isdisjoint({"COLLSCAN", "$lookup"})
                if url in BY_ONE_INDEX:
                    assert stages.isdisjoint({"SORT", "$sort"})
            with subtests.test("products looked at", url=url, command=command):
                # With a filter that half of the products match, the other half is read, too.
                assert max(keys_and_documents(command)) <= 3 * MAX_COUNTED
    some = Product.objects.order_by("-created_at", "-id")[500]
    position = base64.urlsafe_b64encode(json.dumps([some.created_at.isoformat(), str(some.pk)]).encode()).decode()
    connection.database.command("planCacheClear", PRODUCTS)
    for search in ONE_WORD:
        with subtests.test("products looked at, those that are counted included", search=search):
            (command,) = sent(anonymous, f"{LIST}?{search}&page_size=2")
            assert keys_and_documents(command)[1] <= 2
    with subtests.test("what was good for common words is not tried on rare ones"):
        assert indexes_of_plans_kept(PRODUCTS) == {SEARCH_INDEX}
    with subtests.test("few are counted on the way to their page, once it is known that they are few"):
        sent(anonymous, f"{LIST}?search=999th")
        with count_commands() as commands:
            anonymous.get(f"{LIST}?search=999th")
        (command,) = commands
        assert "$setWindowFields" in str(command)
        assert stages_of(command).isdisjoint({"SORT", "$sort", "COLLSCAN"})
        assert max(keys_and_documents(command)) <= FEW
    with subtests.test("products looked at behind a cursor"):
        (command,) = sent(anonymous, f"{LIST}?search=product&page_size=2&cursor={position}")
        assert stages_of(command).isdisjoint({"SORT", "$sort"})
        assert keys_and_documents(command)[1] <= 3
