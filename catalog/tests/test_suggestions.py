"""Suggestions while a search is typed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from catalog import services
from catalog.listing.suggestions import MAX_EXAMINED
from catalog.models import Category, Product
from catalog.tests.conftest import LIST, put_on_shelf
from shop.db import caches
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import profiled
from shop.dev.testing.replies import refusal
from shop.dev.testing.tasks import run_task

pytestmark = pytest.mark.django_db

SUGGEST = f"{LIST}suggest/"
Make = Callable[..., Product]


@pytest.fixture
def suggested(anonymous: APIClient) -> Callable[[str], list[tuple[str, str, str | None]]]:
    def suggest(typed: str) -> list[tuple[str, str, str | None]]:
        reply = anonymous.get(SUGGEST, {"q": typed})
        assert reply.status_code == 200, reply.content
        return [(each["type"], each["text"], each["slug"]) for each in reply.json()]

    return suggest


@pytest.fixture
def shop(make_product: Make, make_category: Callable[..., Category]) -> None:
    clothes = make_category("Hooded clothes")
    make_category("Hooks")
    make_product("Blue Hoodie", category=clothes, stock=0, brand="Hook & Loop")
    make_product("Zip hoodies", category=clothes, stock=3)
    make_product("Red Hoodie", category=clothes, stock=3)
    make_product("Scarf", description="Goes with a hoodie", category=clothes, stock=9)
    make_product("Hidden hoodie", category=clothes, is_active=False, brand="Hoover")
    Product.objects.filter(name="Red Hoodie").update(sales=9)
    run_task("catalog.new_words")


HOODIES = [
    ("product", "Red Hoodie", "red-hoodie"),
    ("product", "Zip hoodies", "zip-hoodies"),
    ("product", "Blue Hoodie", "blue-hoodie"),
]
CLOTHES = ("category", "Hooded clothes", "hooded clothes")
SCARF = ("product", "Scarf", "scarf")


def test_names_come_first_of_these_what_is_in_stock_then_what_sells_best(suggested: Callable, shop: None) -> None:
    queries = [("query", "hoodie", None), ("query", "hoodies", None)]
    assert suggested("hoo") == [*HOODIES, SCARF, CLOTHES, ("brand", "Hook & Loop", "hook-loop"), *queries]
    assert suggested("red h") == [HOODIES[0], ("query", "red hoodie", None)]
    assert suggested("Hook") == [("product", "Blue Hoodie", "blue-hoodie"), ("brand", "Hook & Loop", "hook-loop")]
    # What nothing but a hidden product has, or an empty category.
    assert suggested("hidden") == []
    assert "Hoover" not in [text for _, text, _ in suggested("hoov")]
    assert ("category", "Hooks", "hooks") not in suggested("hooks")
    assert suggested("") == suggested("  ") == []


def test_typing_errors_are_corrected_if_there_is_nothing_to_suggest(suggested: Callable, shop: None) -> None:
    assert suggested("hoddie")[:4] == [*HOODIES, SCARF]
    assert ("product", "Zip hoodies", "zip-hoodies") in suggested("hoddies")
    assert suggested("red hodi") == [("product", "Red Hoodie", "red-hoodie")]
    assert suggested("zebra") == suggested("hdo") == []


def test_a_hidden_product_and_its_category_leave_at_once_or_within_seconds(suggested: Callable, shop: None) -> None:
    for product in Product.objects.filter(is_active=True):
        services.set_active([product], is_active=False)
    assert [each for each in suggested("hoo") if each != CLOTHES] == []
    caches.clear_all()
    assert suggested("hoo") == suggested("hoddie") == []


def test_at_most_ten_of_which_most_are_products(suggested: Callable, make_category: Callable[..., Category]) -> None:
    for name in ("Mugs", "Mugs, large", "Mugs, small"):
        make_category(name)
    Category.objects.update(active_products=1)
    put_on_shelf(*({"name": f"Mug muga{n} mugb"} for n in range(20)))
    kinds = [kind for kind, *_ in suggested("mug")]
    assert kinds == ["product"] * 6 + ["category"] * 2 + ["query"] * 2


def test_suggestions_cost_one_command_and_a_limited_number_of_products(
    anonymous: APIClient, subtests: pytest.Subtests
) -> None:
    put_on_shelf({"name": "Mug blue", "sales": 3})
    template = connection.database[Product._meta.db_table].find_one()
    del template["_id"]
    many = ({**template, "slug": f"mug-{n}", "sales": n % 50} for n in range(3 * MAX_EXAMINED))
    connection.database[Product._meta.db_table].insert_many(many)
    for typed, number in {"m": 1, "mu": 1, "mug": 1, "mug b": 2, "zebra": 2}.items():
        anonymous.get(SUGGEST, {"q": "first"})
        with subtests.test(q=typed), count_commands() as commands:
            assert len(anonymous.get(SUGGEST, {"q": typed}).json()) <= 10
        assert len(commands) == number, (typed, str(commands))
        with subtests.test(plan=typed), profiled() as profiles:
            anonymous.get(SUGGEST, {"q": typed})
        (read,) = [each for each in profiles if each.collection == Product._meta.db_table]
        assert not read.scans_collection, read
        assert read.documents <= 2 * MAX_EXAMINED, read
        assert read.keys <= 2 * MAX_EXAMINED + 10, read


def test_hostile_input_is_answered(anonymous: APIClient, shop: None, subtests: pytest.Subtests) -> None:
    hostile: list[Any] = [
        ".*",
        "^h",
        "(((",
        "\\",
        "$where",
        "{$ne:1}",
        "罗汉果",
        "мужик",
        "é" * 200,
        "a " * 100,
        "a-" * 90,
    ]
    for typed in hostile:
        with subtests.test(q=typed[:10]), count_commands() as commands:
            assert anonymous.get(SUGGEST, {"q": typed}).status_code == 200
        assert len(commands) <= 5
    assert refusal(anonymous.get(SUGGEST, {"q": "x" * 1_000}), 400)
    assert refusal(anonymous.get(SUGGEST, {"q": "a\0b"}), 400)
    assert anonymous.post(SUGGEST, {"q": "hoo"}).status_code in (401, 405)
