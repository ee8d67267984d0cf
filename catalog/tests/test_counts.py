"""Large counts are cached for a short time; small ones are counted with the page."""

import time
from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog.listing import count, filters
from catalog.models import Product
from catalog.tests.conftest import LIST
from shop.api import pagination
from shop.dev.testing.commands import count_commands

pytestmark = pytest.mark.django_db


def listed(client: APIClient, query: str = "") -> tuple[int, bool, list[str]]:
    reply = client.get(f"{LIST}?{query}").json()
    return reply["count"], reply["count_exact"], [product["name"] for product in reply["results"]]


def test_a_large_count_may_be_a_second_old_and_products_never_are(
    anonymous: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "CACHED_FROM", 2)
    for name in "ab":
        make_product(name)
    assert listed(anonymous) == (2, True, ["b", "a"])
    make_product("c")
    assert listed(anonymous) == (2, True, ["c", "b", "a"])
    assert listed(anonymous, "search=c") == (1, True, ["c"])
    time.sleep(count.SECONDS)
    assert listed(anonymous) == (3, True, ["c", "b", "a"])


def test_a_small_count_is_never_old(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    for number, name in enumerate("abc", start=1):
        make_product(name)
        assert listed(anonymous)[0] == number


def test_few_and_many_are_counted_differently_and_alike(
    anonymous: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "FEW", 3)
    pages = {"page_size=2": ["2", "1"], "page_size=2&page=2": ["0"], "page_size=2&ordering=price": ["0", "1"]}
    for number in range(3):
        make_product(str(number), price=str(number))
    for _ in range(2):
        # At first it is not known that there are few matches.
        for query, names in pages.items():
            assert listed(anonymous, query) == (3, True, names)
        assert listed(anonymous, "search=nothing") == (0, True, [])
        assert anonymous.get(f"{LIST}?page_size=2&page=3").status_code == 404
    first, second = (anonymous.get(f"{LIST}?in_stock=true").json()["results"] for _ in range(2))
    assert len(first) == 3
    assert second == first
    # The number of matches grows above the limit, then shrinks again.
    products = [make_product(str(number)) for number in (3, 4)]
    for of_its_own in (False, True):
        with count_commands() as commands:
            assert listed(anonymous, "page_size=2") == (5, True, ["4", "3"])
        assert ("$unionWith" in str(commands)) is of_its_own
    for product in products:
        product.delete()
    for of_its_own in (True, False):
        with count_commands() as commands:
            assert listed(anonymous, "page_size=2") == (3, True, ["2", "1"])
        assert ("$unionWith" in str(commands)) is of_its_own


def test_that_there_are_more_than_are_counted_is_remembered_longer(
    anonymous: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "CACHED_FROM", 2)
    monkeypatch.setattr(count, "SECONDS_ABOVE_LIMIT", 2)
    monkeypatch.setattr(pagination, "MAX_COUNTED", 2)
    products = [make_product(name) for name in "abc"]
    assert listed(anonymous)[:2] == (2, False)
    products[0].delete()
    time.sleep(count.SECONDS)
    assert listed(anonymous)[:2] == (2, False)
    time.sleep(1)
    assert listed(anonymous)[:2] == (2, True)


def test_a_count_that_promises_more_than_there_is_leads_nowhere(
    anonymous: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "CACHED_FROM", 2)
    monkeypatch.setattr(pagination, "MAX_COUNTED", 4)
    products = [make_product(name) for name in "abcde"]
    assert listed(anonymous, "page_size=2")[:2] == (4, False)
    for product in products:
        product.delete()
    first = anonymous.get(f"{LIST}?page_size=2")
    assert (first.status_code, first.json()["results"], first.json()["next"]) == (200, [], None)
    for query in ("page_size=2&page=2", "page_size=1&page=3"):
        assert anonymous.get(f"{LIST}?{query}").status_code == 404


def test_different_queries_do_not_fill_the_memory(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    for name in "ab":
        make_product(name)
    anonymous.get(LIST)
    before = filters._parse_cached.cache_info().currsize
    for query in (f"min_price={'0' * 900}1", "&".join(f"junk{number}=" for number in range(100)), f"x={'y' * 9_000}"):
        reply = anonymous.get(f"{LIST}?page_size=1&{query}")
        assert reply.status_code == 200
        assert "page=2" in reply.json()["next"]
    assert anonymous.get(f"{LIST}?category={'y' * 9_000}").status_code == 400
    assert filters._parse_cached.cache_info().currsize == before
