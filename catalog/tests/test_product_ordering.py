"""Every ordering, with ties, and the cursors of pages beyond the counted ones."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.listing.orderings import ORDERINGS
from catalog.models import Product
from catalog.tests.conftest import LIST, put_on_shelf
from shop.api import pagination
from shop.dev.testing.replies import refusal

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 1, 1, 8, tzinfo=UTC)


@pytest.fixture
def shelf(db: None) -> list[Product]:
    """Thirty products with ties in every ordering, inserted in none of the orders."""
    return put_on_shelf(
        *(
            {
                "name": ["mug", "Zebra", "äpfel", "apple pie", "👨\u200d👩\u200d👧 set", 'a "quoted" name\u00a0'][
                    n * 7 % 6
                ],
                "price": Decimal(n * 11 % 7) + Decimal("0.10"),
                "sales": n * 13 % 5,
                "created_at": MORNING + timedelta(hours=n * 17 % 4),
                "attribute_pairs": ["colour=red"] if n % 5 else [],
            }
            for n in range(30)
        )
    )


def expected(ordering: str, rows: list[Product]) -> list[str]:
    """Return ids in the documented order: ties are sorted in the same direction."""
    field, descending, _ = ORDERINGS[ordering]
    rows = sorted(rows, key=lambda row: (getattr(row, field), row.pk), reverse=descending)
    return [str(row.pk) for row in rows]


def walk(client: APIClient, **parameters: Any) -> list[dict[str, Any]]:
    """Every page, from the first along ``next`` to the end."""
    reply, pages = client.get(LIST, parameters), []
    while True:
        assert reply.status_code == 200, reply.content
        pages.append(reply.json())
        assert len(pages) < 50
        if pages[-1]["next"] is None:
            return pages
        reply = client.get(pages[-1]["next"])


def ids(pages: list[dict[str, Any]]) -> list[str]:
    return [product["id"] for page in pages for product in page["results"]]


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_products_come_in_the_order_asked_for_and_ties_are_stable(
    anonymous: APIClient, shelf: list[Product], ordering: str
) -> None:
    for size in (100, 4):
        assert ids(walk(anonymous, ordering=ordering, page_size=size)) == expected(ordering, shelf)


def test_newest_is_the_default(anonymous: APIClient, shelf: list[Product]) -> None:
    assert ids(walk(anonymous, page_size=100)) == expected("newest", shelf)


def test_names_come_in_the_order_of_a_dictionary(
    names: Callable[..., list[str]], make_product: Callable[..., Product]
) -> None:
    for name in ("Zebra", "apples", "Äpfel", "Apple pie", "zoo", "Éclair", "dog", "Straße", "strasse 2"):
        make_product(name)
    assert names(ordering="name") == [
        "Äpfel",
        "Apple pie",
        "apples",
        "dog",
        "Éclair",
        "Straße",
        "strasse 2",
        "Zebra",
        "zoo",
    ]


def test_the_most_relevant_comes_first(names: Callable[..., list[str]], make_product: Callable[..., Product]) -> None:
    make_product("Tray", description="For one mug")
    make_product("Mug")
    make_product("Mug rack", description="Each mug its hook: mug after mug")
    found = names(search="mug", ordering="relevance")
    assert found[-1] == "Tray"
    assert len(found) == 3


def test_relevance_counts_name_before_category_before_description_and_then_sales(
    names: Callable[..., list[str]], make_product: Callable[..., Product], make_category: Callable[..., Any]
) -> None:
    for name in ("Copper kettle", "Blue kettle"):
        make_product(name, description="For tea")
    make_product("Pot", category=make_category("Kettles"))
    make_product("Kettledrum")
    make_product("Spoon", description="Goes with a kettle")
    Product.objects.filter(name="Copper kettle").update(sales=3)
    whole = ["Copper kettle", "Blue kettle", "Kettledrum", "Pot", "Spoon"]
    assert names(search="kettle", ordering="relevance") == whole
    assert names(search="blue kettle", ordering="relevance") == ["Blue kettle"]
    assert names(search="tea kettle", ordering="relevance") == ["Copper kettle", "Blue kettle"]


# --- Where counting stops ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("size", [3, 7, 10])
def test_next_goes_on_by_cursor_to_the_very_end(
    anonymous: APIClient, shelf: list[Product], monkeypatch: pytest.MonkeyPatch, ordering: str, size: int
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    pages = walk(anonymous, ordering=ordering, page_size=size)
    assert ids(pages) == expected(ordering, shelf)
    assert {(page["count"], page["count_exact"]) for page in pages} == {(7, False)}
    assert any("cursor=" in (page["next"] or "") for page in pages)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_a_cursor_keeps_the_filters(
    anonymous: APIClient, shelf: list[Product], monkeypatch: pytest.MonkeyPatch, ordering: str
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    pages = walk(anonymous, ordering=ordering, page_size=4, attr_colour="red", max_price="4.10")
    kept = [row for row in shelf if row.attribute_pairs and row.price <= Decimal("4.10")]
    assert len(kept) > 8
    assert ids(pages) == expected(ordering, kept)


def test_exactly_as_many_as_are_counted_are_counted_exactly(
    anonymous: APIClient, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    put_on_shelf(*[{}] * 7)
    pages = walk(anonymous, page_size=7)
    assert [(page["count"], page["count_exact"], len(page["results"])) for page in pages] == [(7, True, 7)]


def test_one_more_than_is_counted_is_one_cursor_away(
    anonymous: APIClient, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    put_on_shelf(*[{}] * 8)
    pages = walk(anonymous, page_size=7)
    assert [(page["count"], page["count_exact"], len(page["results"])) for page in pages] == [
        (7, False, 7),
        (7, False, 1),
    ]


def test_pages_by_number_end_at_the_maximum_count(
    anonymous: APIClient, shelf: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    assert len(anonymous.get(LIST, {"page": 2, "page_size": 5}).json()["results"]) == 2
    assert refusal(anonymous.get(LIST, {"page": 3, "page_size": 5}), 404) == ("not_found", None)


def test_products_added_or_removed_while_paging_by_cursor_move_nothing_else(
    anonymous: APIClient, shelf: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    order = expected("price", shelf)
    second = anonymous.get(anonymous.get(LIST, {"ordering": "price", "page_size": 7}).json()["next"]).json()
    assert [product["id"] for product in second["results"]] == order[7:14]
    Product.objects.filter(pk__in=[order[0], order[13]]).delete()
    third = anonymous.get(second["next"]).json()
    assert [product["id"] for product in third["results"]] == order[14:21]


def test_relevance_ends_at_the_maximum_count(anonymous: APIClient, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    put_on_shelf(*[{"name": "mug"}] * 9)
    pages = walk(anonymous, search="mug", ordering="relevance", page_size=4)
    assert len(set(ids(pages))) == 7
    assert pages[-1]["count_exact"] is False


def test_of_more_matches_than_are_counted_the_newest_are_ranked(
    anonymous: APIClient, names: Callable[..., list[str]], db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    put_on_shelf(
        {"name": "Mug the oldest", "sales": 9},
        *({"description": "a mug", "sales": n} for n in range(6)),
        {"name": "Mug the newest"},
    )
    assert names(search="mug", ordering="relevance") == [
        "Mug the newest",
        "P006",
        "P005",
        "P004",
        "P003",
        "P002",
        "P001",
    ]


# --- Forged cursors ---------------------------------------------------------------------------------------------------


def cursor(*position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).decode()


ID = "6650c1f2a4b3c2d1e0f9a8b7"
NOWHERE: dict[str, list[Any]] = {
    "newest": ["", "yesterday", 5, None, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01"],
    "price": ["abc", "NaN", "sNaN", "Infinity", "-Infinity", "1e400", "1e-400", "0." + "1" * 50, [], {}, "$x", 1e300],
    "-price": ["-1e400", "1" * 40, [0, [1], 0], "-0"],
    "name": [5, None, ["a"], {"$gt": ""}, "a\0b", "\ud800", True],
    "-sales": ["abc", -1, 2**63, 1e400, "9" * 5000, [], {"$gt": 0}],
}
ANYWHERE = [
    "%",
    "x",
    "é",
    "====",
    "bm90IGpzb24=",
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    base64.urlsafe_b64encode(b"null").decode(),
    base64.urlsafe_b64encode(b"5").decode(),
    base64.urlsafe_b64encode(b'{"a": 1, "b": 2}').decode(),
    cursor(),
    cursor("a"),
    cursor("a", ID, "b"),
    "A" * 3000,
]


def test_a_cursor_that_points_nowhere_is_refused(
    anonymous: APIClient, shelf: list[Product], subtests: pytest.Subtests
) -> None:
    for ordering, values in NOWHERE.items():
        tries = [cursor(value, ID) for value in values] + ANYWHERE
        for text in tries:
            with subtests.test(ordering=ordering, cursor=text[:60]):
                reply = anonymous.get(LIST, {"ordering": ordering, "cursor": text})
                if reply.status_code != 200:
                    refusal(reply, 404)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_a_cursor_behind_no_id_is_refused(
    anonymous: APIClient, db: None, ordering: str, subtests: pytest.Subtests
) -> None:
    good = {"newest": MORNING.isoformat(), "price": "1", "-price": "1", "name": "a", "-sales": 1}[ordering]
    assert anonymous.get(LIST, {"ordering": ordering, "cursor": cursor(good, ID)}).status_code == 200
    for pk in ("", "abc", None, 5, "0" * 23, {"$oid": ID}, ["a"], "\0", "$id"):
        with subtests.test(pk=pk):
            reply = anonymous.get(LIST, {"ordering": ordering, "cursor": cursor(good, pk)})
            assert refusal(reply, 404) == ("not_found", None)


def test_relevance_has_no_cursors(anonymous: APIClient, db: None) -> None:
    reply = anonymous.get(LIST, {"search": "mug", "ordering": "relevance", "cursor": cursor(1, ID)})
    assert refusal(reply, 404) == ("not_found", None)


def test_an_empty_cursor_is_the_beginning(anonymous: APIClient, shelf: list[Product]) -> None:
    assert anonymous.get(LIST, {"cursor": ""}).json()["results"] == anonymous.get(LIST).json()["results"]
