"""Facets: the number of products that each further filter would match."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from rest_framework.test import APIClient

from catalog import services as catalog
from catalog.listing import facets
from catalog.listing.filters import ProductFilters
from catalog.models import Category, Product
from catalog.tests.conftest import LIST, put_on_shelf
from shop.api import pagination
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal, refusals
from shop.http.circuit import circuit

pytestmark = pytest.mark.django_db

URL = f"{LIST}facets/"


@pytest.fixture
def shelf(make_product: Callable[..., Product], make_category: Callable[..., Category]) -> None:
    """Six products, one of them hidden."""
    clothes = make_category("Clothes")
    shirts = make_category("Shirts", parent=clothes)
    books = make_category("Books")
    make_category("Empty")
    make_product("Red shirt", price="20", category=shirts, attributes={"colour": "red", "size": "m"})
    make_product("Blue shirt", price="25", category=shirts, stock=0, attributes={"colour": "blue", "size": "m"})
    make_product("Red coat", price="90", category=clothes, attributes={"colour": "red", "size": "l"})
    make_product("Red book", price="9.99", category=books, attributes={"colour": "red"})
    make_product("Pebble", price="0", stock=1)
    make_product("Hidden shirt", price="20", category=shirts, is_active=False, attributes={"colour": "red"})


@pytest.fixture
def ask(anonymous: APIClient) -> Callable[..., dict[str, Any]]:
    def ask(query: str = "") -> dict[str, Any]:
        reply = anonymous.get(f"{URL}?{query}")
        assert reply.status_code == 200, reply.content
        return reply.json()

    return ask


def categories(found: dict[str, Any]) -> dict[str, int]:
    return {each["slug"]: each["count"] for each in found["categories"]}


def ranges(found: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(each["min"], each["max"]): each["count"] for each in found["price"]["ranges"]}


def attributes(found: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {each["name"]: {value["value"]: value["count"] for value in each["values"]} for each in found["attributes"]}


def in_stock(found: dict[str, Any]) -> dict[bool, int]:
    return {each["value"]: each["count"] for each in found["in_stock"]}


def test_facets_have_one_shape(ask: Callable, shelf: None) -> None:
    clothes, shirts, books = (Category.objects.get(slug=slug) for slug in ("clothes", "shirts", "books"))
    assert ask() == {
        "corrected_query": None,
        "count": 5,
        "count_exact": True,
        "exact": True,
        "categories": [
            {"id": str(books.pk), "name": "Books", "slug": "books", "parent": None, "count": 1},
            {"id": str(clothes.pk), "name": "Clothes", "slug": "clothes", "parent": None, "count": 3},
            {"id": str(shirts.pk), "name": "Shirts", "slug": "shirts", "parent": str(clothes.pk), "count": 2},
        ],
        "price": {
            "min": "0.00",
            "max": "90.00",
            "ranges": [
                {"min": "0.00", "max": "0.99", "count": 1},
                {"min": "5.00", "max": "9.99", "count": 1},
                {"min": "20.00", "max": "49.99", "count": 2},
                {"min": "50.00", "max": "99.99", "count": 1},
            ],
        },
        "in_stock": [{"value": True, "count": 4}, {"value": False, "count": 1}],
        "brands": [],
        "tags": [],
        "attributes": [
            {"name": "colour", "values": [{"value": "red", "count": 3}, {"value": "blue", "count": 1}]},
            {"name": "size", "values": [{"value": "m", "count": 2}, {"value": "l", "count": 1}]},
        ],
        "options": [],
    }


def test_an_empty_shop_has_empty_facets(ask: Callable, db: None) -> None:
    lists: dict[str, list] = {"categories": [], "brands": [], "tags": [], "attributes": [], "options": []}
    nothing = {"corrected_query": None, "count": 0, "count_exact": True, "exact": True, **lists}
    stock = [{"value": True, "count": 0}, {"value": False, "count": 0}]
    assert ask() == {**nothing, "price": {"min": None, "max": None, "ranges": []}, "in_stock": stock}
    assert ask("search=mug&in_stock=true") == ask()


def test_a_filter_narrows_every_facet_but_its_own(ask: Callable, shelf: None) -> None:
    red = ask("attr_colour=red")
    assert red["count"] == 3
    assert attributes(red) == {"colour": {"red": 3, "blue": 1}, "size": {"m": 1, "l": 1}}
    assert categories(red) == {"books": 1, "clothes": 2, "shirts": 1}
    assert in_stock(red) == {True: 3, False: 0}
    assert ranges(red) == {("5.00", "9.99"): 1, ("20.00", "49.99"): 1, ("50.00", "99.99"): 1}

    shirts = ask("category=shirts")
    assert (shirts["count"], categories(shirts)) == (2, {"books": 1, "clothes": 3, "shirts": 2})
    assert attributes(shirts) == {"colour": {"red": 1, "blue": 1}, "size": {"m": 2}}

    cheap = ask("max_price=9.99")
    assert (cheap["count"], cheap["price"]) == (2, ask()["price"])
    assert categories(cheap) == {"books": 1}

    sold_out = ask("in_stock=false")
    assert (sold_out["count"], in_stock(sold_out)) == (1, {True: 4, False: 1})
    assert attributes(sold_out) == {"colour": {"blue": 1}, "size": {"m": 1}}


def test_several_filters_count_each_without_itself_and_with_the_others(ask: Callable, shelf: None) -> None:
    found = ask("category=clothes&attr_colour=red&attr_size=m&min_price=1")
    assert found["count"] == 1
    assert attributes(found) == {"colour": {"red": 1, "blue": 1}, "size": {"m": 1, "l": 1}}
    assert categories(found) == {"clothes": 1, "shirts": 1}
    both = ask("attr_colour=red&attr_colour=blue&attr_size=m")
    assert both["count"] == 2
    assert attributes(both) == {"colour": {"red": 1, "blue": 1}, "size": {"m": 2, "l": 1}}


def test_a_search_narrows_everything(ask: Callable, shelf: None) -> None:
    found = ask("search=red+sh")
    assert (found["count"], categories(found)) == (1, {"clothes": 1, "shirts": 1})
    assert attributes(found) == {"colour": {"red": 1}, "size": {"m": 1}}


def test_a_chosen_value_is_listed_even_without_products(ask: Callable, shelf: None) -> None:
    found = ask("category=empty&attr_colour=green&attr_colour=red&attr_smell=sweet")
    assert found["count"] == 0
    assert categories(found) == {"empty": 0}
    assert attributes(found) == {"colour": {"green": 0, "red": 0}, "smell": {"sweet": 0}}


@pytest.mark.parametrize(
    "query", ["", "category=clothes", "attr_colour=red", "search=shirt&min_price=1", "in_stock=true"]
)
def test_choosing_what_a_facet_offers_gives_as_many_products_as_it_says(
    anonymous: APIClient, ask: Callable, shelf: None, query: str
) -> None:
    def listed(**chosen: Any) -> int:
        asked = {**dict(each.split("=") for each in query.split("&") if each), **chosen}
        return anonymous.get(LIST, asked).json()["count"]

    found = ask(query)
    assert found["count"] == listed()
    for slug, count in categories(found).items():
        assert listed(category=slug) == count
    for (lowest, highest), count in ranges(found).items():
        assert listed(min_price=lowest, max_price=highest) == count
    for value, count in in_stock(found).items():
        assert listed(in_stock=value) == count
    for name, values in attributes(found).items():
        for value, count in values.items():
            assert listed(**{f"attr_{name}": value}) == count


def test_price_ranges_leave_no_price_out_and_count_none_twice(ask: Callable, anonymous: APIClient, db: None) -> None:
    prices = ["0", "0.99", "1", "1.99", "2", "4.99", "5", "10", "19.99", "20", "999.99", "1000", "1000000000"]
    put_on_shelf(*({"price": Decimal(price)} for price in prices))
    found = ask()
    assert sum(ranges(found).values()) == len(prices)
    assert (found["price"]["min"], found["price"]["max"]) == ("0.00", "1000000000.00")
    for (lowest, highest), count in ranges(found).items():
        assert anonymous.get(LIST, {"min_price": lowest, "max_price": highest}).json()["count"] == count


def test_price_ranges_follow_the_currency(db: None, settings: Any) -> None:
    settings.CURRENCY = "jpy"
    put_on_shelf({"price": Decimal(1999)}, {"price": Decimal(2000)})
    (below, above) = facets.count_facets(ProductFilters(QueryDict("")))["price"]["ranges"]
    assert below == {"min": Decimal(1000), "max": Decimal(1999), "count": 1}
    assert above == {"min": Decimal(2000), "max": Decimal(4999), "count": 1}


def test_deactivated_products_are_not_counted(ask: Callable, shelf: None) -> None:
    catalog.update_product(product=Product.objects.get(name="Red coat"), data={"is_active": False})
    found = ask()
    assert (found["count"], categories(found)["clothes"], attributes(found)["colour"]["red"]) == (4, 2, 2)
    assert "l" not in attributes(found)["size"]


def test_staff_and_customers_get_the_same_answer(
    ask: Callable, as_staff: APIClient, as_customer: APIClient, shelf: None
) -> None:
    assert as_staff.get(URL).json() == as_customer.get(URL).json() == ask()


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_of_more_products_than_are_counted_the_newest_are(
    ask: Callable, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    put_on_shelf(*[{"attribute_pairs": ["age=old"]}] * 4, *[{"attribute_pairs": ["age=new"]}] * 6)
    found = ask()
    assert (found["count"], found["count_exact"], found["exact"]) == (7, False, False)
    assert attributes(found)["age"]["new"] == 6
    assert attributes(found)["age"]["old"] <= 2
    assert in_stock(found) == {True: 7, False: 0}

    # The list is counted completely, the other choices are not.
    old = ask("attr_age=old")
    assert (old["count"], old["count_exact"], old["exact"]) == (4, True, False)


def test_few_products_of_one_of_the_filters_are_all_looked_at(
    ask: Callable, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    rare = [{"price": 1, "in_stock": n % 2 == 0, "attribute_pairs": ["age=old"]} for n in range(6)]
    put_on_shelf(*rare, *[{"price": 9, "attribute_pairs": ["age=new"]}] * 20)
    for query, count in (("max_price=2", 6), ("max_price=2&in_stock=true", 3)):
        found = ask(query)
        # Without the price there are too many.
        assert (found["count"], found["count_exact"], found["exact"]) == (count, True, False)
    found = ask("max_price=2&attr_age=old")
    assert (found["count"], found["count_exact"], found["exact"]) == (6, True, True)
    assert in_stock(ask("max_price=2&in_stock=true")) == {True: 3, False: 3}
    assert attributes(ask("max_price=2&in_stock=true"))["age"] == {"old": 3}


def test_of_common_filters_only_the_newest_products_are_looked_at(
    ask: Callable, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    put_on_shelf(*({"price": 1 + n % 2, "in_stock": n % 4 != 3, "name": f"Mug {n}"} for n in range(40)))
    for query in ("max_price=1", "max_price=1&in_stock=true", "max_price=1&search=mug", "search=mug&in_stock=true"):
        found = ask(query)
        assert (found["count_exact"], found["exact"]) == (False, False)
        assert 3 <= found["count"] <= 7, query


def test_as_many_as_are_counted_are_counted_exactly(ask: Callable, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    put_on_shelf(*[{}] * 7)
    found = ask()
    assert (found["count"], found["count_exact"], found["exact"]) == (7, True, True)


def test_the_commonest_values_are_shown_and_those_that_are_chosen(
    ask: Callable, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "MAX_VALUES", 3)
    monkeypatch.setattr(facets, "MAX_NAMES", 2)
    put_on_shelf(
        *({"attribute_pairs": [f"serial={n:02}", f"colour={'red' if n % 3 else 'blue'}", "z=z"]} for n in range(9)),
        {"attribute_pairs": ["rare=yes"]},
    )
    found = attributes(ask())
    assert list(found) == ["colour", "serial"]
    assert found["colour"] == {"red": 6, "blue": 3}
    assert list(found["serial"]) == ["00", "01", "02"]
    chosen = attributes(ask("attr_serial=08&attr_z=z"))
    assert list(chosen) == ["serial", "z"]
    assert chosen["serial"] == {"00": 1, "01": 1, "08": 1}


@pytest.mark.parametrize(
    "query",
    ["category=nowhere", "min_price=abc", "in_stock=maybe", "search=" + "s" * 201, "attr_$where=1", "attr_a.b=x"],
)
def test_a_filter_that_cannot_be_understood_is_named(anonymous: APIClient, db: None, query: str) -> None:
    found = refusals(anonymous.get(f"{URL}?{query}"), 400)
    assert {attr for _, attr in found} == {query.split("=")[0]}


@pytest.mark.parametrize("value", [".*", '{"$gt": ""}', "$colour", "red,blue"])
def test_a_value_is_a_value_and_no_operator(ask: Callable, shelf: None, value: str) -> None:
    assert ask(f"attr_colour={value}")["count"] == 0


def test_an_ordering_does_not_matter_to_counts(ask: Callable, shelf: None) -> None:
    assert ask("ordering=relevance&page=7") == ask()


def test_an_outage_of_the_database_is_a_503(anonymous: APIClient, shelf: None) -> None:
    with failing("aggregate", Product, times=None, errorCode=91):
        reply = anonymous.get(URL)
    circuit.close()
    assert refusal(reply, 503) == ("database_unavailable", None)


def test_facets_are_read_only(as_staff: APIClient, db: None) -> None:
    for method in ("post", "put", "patch", "delete"):
        assert refusal(getattr(as_staff, method)(URL, {}), 405) == ("method_not_allowed", None)


def test_many_products_are_counted_once_in_some_seconds_and_few_each_time(
    anonymous: APIClient, shelf: None, make_product: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = anonymous.get(URL).json()["count"]
    make_product()
    assert anonymous.get(URL).json()["count"] == before + 1
    monkeypatch.setattr(facets, "CACHED_FROM", before)
    assert anonymous.get(URL).json()["count"] == before + 1
    make_product()
    assert anonymous.get(URL).json()["count"] == before + 1
    assert anonymous.get(f"{URL}?min_price=0").json()["count"] == before + 2


def test_facets_that_read_many_products_are_cached_although_few_match(
    ask: Callable, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "CACHED_FROM", 6)
    put_on_shelf(*({"price": 1, "in_stock": n == 0, "attribute_pairs": ["age=old"]} for n in range(6)))
    for query in ("in_stock=true", "in_stock=true&max_price=1", "attr_age=new"):
        with count_commands() as first:
            before = ask(query)
        with count_commands() as second:
            assert ask(query) == before
        assert (bool(first.on("catalog_product")), second.on("catalog_product")) == (True, []), query


def test_facets_are_limited_by_address(anonymous: APIClient, shelf: None, settings: Any) -> None:
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = settings.RATE_LIMIT_RULES | {"facets": (2, 60)}
    assert [anonymous.get(URL).status_code for _ in range(3)] == [200, 200, 429]
    assert anonymous.get("/api/v1/products/").status_code == 200
