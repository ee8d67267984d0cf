"""Large counts, which are remembered for a moment."""

import time
from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from catalog import counts, queries
from catalog.models import Product
from catalog.tests.conftest import LIST

pytestmark = pytest.mark.django_db


def listed(client: APIClient, query: str = "") -> tuple[int, bool, list[str]]:
    reply = client.get(f"{LIST}?{query}").json()
    return reply["count"], reply["count_exact"], [product["name"] for product in reply["results"]]


def test_a_large_count_may_be_a_second_old_and_products_never_are(
    anonymous: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "REMEMBERED_FROM", 2)
    for name in "ab":
        make_product(name)
    assert listed(anonymous) == (2, True, ["b", "a"])
    make_product("c")
    assert listed(anonymous) == (2, True, ["c", "b", "a"])
    assert listed(anonymous, "search=c") == (1, True, ["c"])
    time.sleep(counts.SECONDS)
    assert listed(anonymous) == (3, True, ["c", "b", "a"])


def test_a_small_count_is_never_old(anonymous: APIClient, make_product: Callable[..., Product]) -> None:
    for number, name in enumerate("abc", start=1):
        make_product(name)
        assert listed(anonymous)[0] == number


def test_that_there_are_more_than_are_counted_is_remembered_longer(
    anonymous: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "REMEMBERED_FROM", 2)
    monkeypatch.setattr(counts, "SECONDS_WHERE_UNCOUNTED", 2)
    monkeypatch.setattr(queries, "COUNTED", 2)
    products = [make_product(name) for name in "abc"]
    assert listed(anonymous)[:2] == (2, False)
    products[0].delete()
    time.sleep(counts.SECONDS)
    assert listed(anonymous)[:2] == (2, False)
    time.sleep(1)
    assert listed(anonymous)[:2] == (2, True)
