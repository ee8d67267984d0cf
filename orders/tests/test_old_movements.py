"""Orders whose stock movements are summed up (see `catalog.movement_sums`)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from catalog import movement_sums
from catalog.models import Product, StockMovement, Variant
from orders.models import Order
from shop.audit import violations
from shop.dev.testing.steps import API, place_order, stock_of
from shop.dev.testing.tasks import run_due_tasks
from shop.jobs import PeriodicTask

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    product = make_product("Mug", price="10.00", stock=10)
    age_movements(timedelta(days=1500))
    return product


def age_movements(by: timedelta, reference: str = "") -> None:
    for movement in StockMovement.objects.filter(reference=reference):
        age_movement(movement.pk, by)


def age_movement(key: ObjectId, by: timedelta) -> None:
    """Move it to the past, with its id."""
    movements = connection.database["catalog_stockmovement"]
    row = movements.find_one_and_delete({"_id": key})
    at = row["created_at"] - by
    old = ObjectId(int(at.replace(tzinfo=UTC).timestamp()).to_bytes(4, "big") + key.binary[4:])
    movements.insert_one({**row, "_id": old, "created_at": at})


def place_long_ago(client: APIClient, product: Product, *, days: int) -> Order:
    number = place_order(client, product)["number"]
    age_movements(timedelta(days=days), number)
    Order.objects.filter(number=number).update(
        created_at=timezone.now() - timedelta(days=days), expires_at=timezone.now() + timedelta(days=1)
    )
    return Order.objects.get(number=number)


def sum_up() -> None:
    PeriodicTask.objects.filter(name="catalog.sum_movements").update(due_at=timezone.now())
    run_due_tasks()


def references() -> list[str]:
    return sorted(StockMovement.objects.exclude(reference="").values_list("reference", flat=True))


def test_the_audit_accepts_sums_whatever_the_setting_is_later(
    as_customer: APIClient, mug: Product, settings: Any
) -> None:
    for days in (800, 800, 1200):
        place_long_ago(as_customer, mug, days=days)
    alone, recent = Order.objects.latest("pk").number, place_order(as_customer, mug)["number"]
    assert violations() == []
    sum_up()
    assert references() == sorted([alone, recent])
    for settings.STOCK_MOVEMENT_MONTHS in (24, 0, 36, 12):
        assert violations() == []


def test_an_order_whose_movements_are_summed_up_releases_its_stock_once(as_customer: APIClient, mug: Product) -> None:
    order, _ = (place_long_ago(as_customer, mug, days=900) for _ in range(2))
    sum_up()
    assert stock_of(mug) == 8
    for status in (200, 409):
        assert as_customer.post(f"{API}/orders/{order.number}/cancel/").status_code == status
        assert stock_of(mug) == 9
        assert references() == [order.number]
        assert violations() == []


def test_an_order_whose_cancellation_alone_is_summed_up(as_customer: APIClient, mug: Product) -> None:
    orders = [place_long_ago(as_customer, mug, days=days) for days in (900, 1000)]
    for order in orders:
        assert as_customer.post(f"{API}/orders/{order.number}/cancel/").status_code == 200
    cancelled_at = timezone.now() - timedelta(days=800)
    for movement in StockMovement.objects.filter(reason="cancellation"):
        age_movement(movement.pk, timedelta(days=800))
    connection.database["orders_order"].update_many({}, {"$set": {"timeline.$[].at": cancelled_at}})
    assert violations() == []
    sum_up()
    assert StockMovement.objects.get(reason="cancellation").delta == 2
    assert len(references()) == 2
    assert stock_of(mug) == 10
    assert violations() == []


def test_the_audit_still_finds_what_is_wrong_with_other_movements(as_customer: APIClient, mug: Product) -> None:
    summed = [place_long_ago(as_customer, mug, days=800).number for _ in range(2)]
    alone = place_long_ago(as_customer, mug, days=1200).number
    sum_up()
    assert violations() == []
    kept = place_long_ago(as_customer, mug, days=500).number
    recent = place_order(as_customer, mug)["number"]
    StockMovement.objects.exclude(reference="").delete()
    Variant.objects.update(stock=8)
    found = violations()
    assert len(found) == 3
    assert all(any(number in each for each in found) for number in (alone, kept, recent))
    assert not any(number in each for each in found for number in summed)


def test_an_order_of_the_last_second_of_a_month_may_have_its_movement_in_the_next(
    as_customer: APIClient, mug: Product
) -> None:
    begins = datetime(2023, 6, 1, tzinfo=UTC)
    for _ in range(2):
        number = place_order(as_customer, mug)["number"]
        age_movements(timezone.now() - begins - timedelta(seconds=1), number)
    Order.objects.update(created_at=begins - timedelta(milliseconds=1))
    sum_up()
    assert movement_sums.month_of(StockMovement.objects.get(reason="order").pk.generation_time) == begins.date()
    assert violations() == []
