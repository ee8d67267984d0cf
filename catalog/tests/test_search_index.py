"""Search terms of products: rebuilt by the migration and limited in size; and searches at the limits."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from catalog import services
from catalog.models import Product
from catalog.tests.conftest import LIST
from shop.audit import violations
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal

pytestmark = pytest.mark.django_db

Make = Callable[..., Product]

# --- Products from before ---------------------------------------------------------------------------------------------


def rebuild() -> None:
    with connection.schema_editor() as editor:
        import_module("catalog.migrations.0003_search_rebuild").rebuild(None, editor)


def test_the_migration_makes_products_from_before_findable_and_can_be_stopped(
    names: Callable[..., list[str]], make_product: Make, make_category: Callable[..., Any], monkeypatch: Any
) -> None:
    for n in range(5):
        make_product(f"Łódź {n}", category=make_category(f"L'eau {n}"), attributes={"fit": "slim"}, sku=f"LOT-{n}")
    wanted = list(Product.objects.order_by("pk").values())
    Product.objects.update(search_words=["name:łodz"], search_beginnings=["łodz "], sort_name="łodz")
    # Outdated documents do not have every field.
    connection.database[Product._meta.db_table].update_one({"name": "Łódź 2"}, {"$unset": {"search_words": 1}})
    module = import_module("catalog.migrations.0003_search_rebuild")
    monkeypatch.setattr(module, "BATCH", 2)
    write, batches = module._write, []

    def stop_after_the_first(*args: Any) -> Any:
        batches.append(len(args[-1]))
        if len(batches) == 2:
            raise KeyboardInterrupt
        return write(*args)

    with monkeypatch.context() as stopped:
        stopped.setattr(module, "_write", stop_after_the_first)
        with pytest.raises(KeyboardInterrupt):
            rebuild()
    assert Product.objects.filter(sort_name="łodz").count() == 3
    rebuild()
    assert list(Product.objects.order_by("pk").values()) == wanted
    assert len(names(search="lodz eau slim")) == 5
    with count_commands() as commands:
        rebuild()
    assert {"update", "bulkWrite"}.isdisjoint(commands.names)
    assert violations() == []


def test_the_migration_reads_a_product_again_that_changes_at_the_same_time(
    names: Callable[..., list[str]], make_product: Make, monkeypatch: Any
) -> None:
    product = make_product("Kettle")
    Product.objects.update(search_words=[], search_beginnings=[])
    module = import_module("catalog.migrations.0003_search_rebuild")
    compute, changed = module._fields, []

    def change_concurrently(*args: Any) -> Any:
        fields = compute(*args)
        if not changed:
            changed.append(services.update_product(product=product, data={"name": "Pot"}))
        return fields

    monkeypatch.setattr(module, "_fields", change_concurrently)
    rebuild()
    assert names(search="pot") == ["Pot"]
    assert names(search="kettle") == []


# --- Hostile searches -------------------------------------------------------------------------------------------------

HOSTILE = [
    " ".join("abcdefghijklmnopqrstuvwxyz0123456789" * 2)[:200],
    "a-" * 100,
    "'" * 200,
    "1a" * 100,
    "ﷺ" * 200,
    "㍿㌀㌂" * 60,
    "茶" * 200,
    "".join(chr(0x4E00 + n) for n in range(200)),
    " ".join(chr(0x4E00 + n) for n in range(100)),
    "é" + "\u0301" * 199,
    "\u200b" * 200,
    "\u202e\ufeff\u2028",
    "\U0010ffff\U000e0001",
    "🙂" * 200,
    "𝒯𝓈𝒽𝒾𝓇𝓉",
    "x" * 200,
    "x.y" * 66,
    "\ufffd",
]


def test_hostile_searches_are_answered_by_few_commands(anonymous: APIClient, make_product: Make, subtests: Any) -> None:
    make_product("T-shirt", description="A 50ml 茶")
    for text in HOSTILE:
        for parameters in ({}, {"ordering": "relevance"}):
            with subtests.test(search=text[:20], **parameters), count_commands() as commands:
                assert anonymous.get(LIST, {"search": text, **parameters}).status_code == 200
            assert len(commands) <= 3
            assert len(str(commands)) < 300_000
    assert refusal(anonymous.get(LIST, {"search": "a\0b"}), 400)
    assert anonymous.get(f"{LIST}?search=%ED%A0%80%FF").status_code == 200
    assert anonymous.get(LIST, {"search": "𝒯𝓈𝒽𝒾𝓇𝓉"}).json()["count"] == 1


def test_a_long_text_of_any_script_has_a_maximum_of_entries(make_product: Make) -> None:
    made = {
        "words": " ".join(f"word{n}-x{n}" for n in range(1_500)),
        "characters": "。".join(chr(0x4E00 + n) * 3 + chr(0x5E00 + n) for n in range(3_000)),
        "one": "x" * 20_000,
        "ligatures": "ﷺ" * 1_000,
    }
    for name, description in made.items():
        product = make_product(name, description=description[:20_000])
        assert len(product.search_beginnings) < 7_000, name
        assert sum(map(len, product.search_beginnings)) < 70_000, name
