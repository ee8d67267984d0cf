"""The stock of a variant and its movements."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError
from pymongo.errors import PyMongoError
from rest_framework.test import APIClient

from catalog import stock
from catalog.errors import OutOfStock
from catalog.models import Product, StockMovement, Variant
from catalog.tests.conftest import LIST
from conftest import client_of
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import dump_database, run_concurrently

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Variant:
    make_product("Other", stock=9)
    return Variant.objects.get(product=make_product("Mug", sku="MUG", stock=5))


def change(client: APIClient, variant: Variant, body: Any):
    return client.post(f"/api/v1/variants/{variant.pk}/stock/", body)


def movements(variant: Variant) -> list[tuple[int, str, str, str]]:
    rows = StockMovement.objects.filter(variant=variant).order_by("pk")
    return list(rows.values_list("delta", "reason", "note", "reference"))


@pytest.mark.parametrize(
    ("body", "stock_then", "delta"),
    [
        ({"delta": 3}, 8, 3),
        ({"delta": -5}, 0, -5),
        ({"set": 9}, 9, 4),
        ({"set": 0}, 0, -5),
        ({"delta": "2"}, 7, 2),
    ],
)
def test_a_change_of_stock_is_written_into_the_ledger_with_its_reason(
    as_staff: APIClient, staff: Any, mug: Variant, body: dict[str, Any], stock_then: int, delta: int
) -> None:
    other = StockMovement.objects.exclude(variant=mug).values().get()
    reply = change(as_staff, mug, {**body, "reason": "Counted again"})
    assert reply.status_code == 200
    assert (reply.json()["sku"], reply.json()["stock"], reply.json()["in_stock"]) == ("MUG", stock_then, stock_then > 0)
    assert Variant.objects.get(pk=mug.pk).stock == stock_then
    assert movements(mug)[1:] == [(delta, "adjustment", "Counted again", str(staff.pk))]
    assert StockMovement.objects.exclude(variant=mug).values().get() == other


@pytest.mark.parametrize("body", [{"delta": 0}, {"set": 5}])
def test_a_change_of_nothing_is_no_movement(as_staff: APIClient, mug: Variant, body: dict[str, int]) -> None:
    before = dump_database()
    assert change(as_staff, mug, {**body, "reason": "Counted"}).json()["stock"] == 5
    assert dump_database() == before


def test_stock_never_goes_below_zero_and_nothing_changes(as_staff: APIClient, mug: Variant) -> None:
    before = dump_database()
    for delta in (-6, -1_000_000):
        reply = change(as_staff, mug, {"delta": delta, "reason": "Lost"})
        assert refusal(reply, 409)[0] == "out_of_stock"
        assert reply.json()["errors"][0]["detail"] == f"Only 5 in stock; {-delta} cannot be removed."
    assert dump_database() == before


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"reason": "x"}, "delta"),
        ({"delta": 1, "set": 1, "reason": "x"}, "delta"),
        ({"delta": 1}, "reason"),
        ({"delta": 1, "reason": ""}, "reason"),
        ({"delta": 1, "reason": "r" * 201}, "reason"),
        ({"delta": 1.5, "reason": "x"}, "delta"),
        ({"delta": "many", "reason": "x"}, "delta"),
        ({"delta": 1_000_001, "reason": "x"}, "delta"),
        ({"delta": None, "reason": "x"}, "delta"),
        ({"delta": {"$inc": 1}, "reason": "x"}, "delta"),
        ({"set": -1, "reason": "x"}, "set"),
        ({"set": 1_000_001, "reason": "x"}, "set"),
        ([], None),
    ],
)
def test_a_change_of_stock_that_cannot_be_is_refused(
    as_staff: APIClient, mug: Variant, body: Any, attr: str | None
) -> None:
    before = dump_database()
    found = refusals(change(as_staff, mug, body), 400)
    assert attr is None or attr in {each for _, each in found}
    assert dump_database() == before


def test_the_product_goes_out_of_stock_and_comes_back(
    as_staff: APIClient, anonymous: APIClient, mug: Variant, names: Callable[..., list[str]]
) -> None:
    change(as_staff, mug, {"set": 0, "reason": "Broken"})
    assert names(in_stock="false") == ["Mug"]
    assert names(in_stock="true") == ["Other"]
    assert anonymous.get(f"{LIST}mug/").json()["variants"][0]["in_stock"] is False
    change(as_staff, mug, {"delta": 1, "reason": "Found one"})
    assert names(in_stock="true") == ["Mug", "Other"]


def test_changes_at_once_all_count(mug: Variant, staff: Any) -> None:
    replies = run_concurrently(
        *[lambda: change(client_of(staff), mug, {"delta": -1, "reason": "Sold at the fair"})] * 6
    )
    assert sorted(reply.status_code for reply in replies) == [200] * 5 + [409]
    assert Variant.objects.get(pk=mug.pk).stock == 0
    assert sum(delta for delta, *_ in movements(mug)) == 0
    assert len(movements(mug)) == 6
    assert not Product.objects.get(pk=mug.product_id).in_stock


# --- What orders do ---------------------------------------------------------------------------------------------------

ORDER = {"reason": StockMovement.Reason.ORDER, "reference": "ORDER-1"}


def test_taking_takes_all_or_nothing(mug: Variant) -> None:
    other = Variant.objects.exclude(pk=mug.pk).get()
    before = dump_database()
    with pytest.raises(OutOfStock) as caught:
        stock.reserve({mug.pk: 6, other.pk: 1}, **ORDER)
    assert caught.value.variants == {mug.pk}
    assert dump_database() == before

    stock.reserve({mug.pk: 5, other.pk: 1}, **ORDER)
    assert dict(Variant.objects.values_list("pk", "stock")) == {mug.pk: 0, other.pk: 8}
    assert movements(mug)[1:] == [(-5, "order", "", "ORDER-1")]
    assert not Product.objects.get(pk=mug.product_id).in_stock


def test_nothing_is_taken_of_an_inactive_variant(mug: Variant) -> None:
    Variant.objects.filter(pk=mug.pk).update(is_active=False)
    with pytest.raises(OutOfStock):
        stock.reserve({mug.pk: 1}, **ORDER)
    assert Variant.objects.get(pk=mug.pk).stock == 5


def test_what_is_given_back_is_there_again(mug: Variant) -> None:
    stock.reserve({mug.pk: 5}, **ORDER)
    stock.release({"ORDER-1": {mug.pk: 5}}, reason=StockMovement.Reason.CANCELLATION)
    assert Variant.objects.get(pk=mug.pk).stock == 5 == sum(delta for delta, *_ in movements(mug))
    assert Product.objects.get(pk=mug.product_id).in_stock


def test_what_is_given_back_of_a_deleted_variant_does_not_keep_the_others(mug: Variant) -> None:
    other = Variant.objects.exclude(pk=mug.pk).get()
    stock.reserve({mug.pk: 5, other.pk: 1}, **ORDER)
    Variant.objects.filter(pk=other.pk).delete()
    stock.release({"ORDER-1": {mug.pk: 5, other.pk: 1}}, reason=StockMovement.Reason.CANCELLATION)
    assert Variant.objects.get(pk=mug.pk).stock == 5


def test_no_stock_changes_without_its_movement(mug: Variant) -> None:
    changes: list[Callable[[], object]] = [
        lambda: stock.reserve({mug.pk: 1}, **ORDER),
        lambda: stock.release({"ORDER-1": {mug.pk: 1}}, reason=StockMovement.Reason.CANCELLATION),
        lambda: stock.adjust(mug, delta=1),
        lambda: stock.adjust_many({mug.pk: 1}, reason=StockMovement.Reason.IMPORT, notes={}),
    ]
    before = dump_database()
    for change_stock in changes:
        with failing("insert", StockMovement, errorCode=8000), pytest.raises((DatabaseError, PyMongoError)):
            change_stock()
        assert dump_database() == before


def test_many_variants_change_together_and_none_below_zero(mug: Variant) -> None:
    other = Variant.objects.exclude(pk=mug.pk).get()
    counted: dict[str, Any] = {"reason": StockMovement.Reason.IMPORT, "notes": {mug.pk: "Counted"}}
    before = dump_database()
    with pytest.raises(OutOfStock) as caught:
        stock.adjust_many({mug.pk: -6, other.pk: 1}, **counted)
    assert caught.value.variants == {mug.pk}
    assert dump_database() == before

    stock.adjust_many({mug.pk: -5, other.pk: 1}, **counted)
    assert dict(Variant.objects.values_list("pk", "stock")) == {mug.pk: 0, other.pk: 10}
    assert movements(mug)[1:] == [(-5, "import", "Counted", "")]
    assert movements(other)[1:] == [(1, "import", "", "")]
    assert not Product.objects.get(pk=mug.product_id).in_stock
    stock.adjust_many({mug.pk: 1}, **counted)
    assert Product.objects.get(pk=mug.product_id).in_stock
