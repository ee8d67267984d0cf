"""Rows that no one deletes are deleted by MongoDB or the worker when they are old."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from django_mongodb_backend.models import EmbeddedModel
from rest_framework.test import APIClient

from accounts.models import User
from cart.models import Cart
from catalog import movement_sums
from catalog.models import Product
from orders import services as orders
from orders.models import Order
from payments.events import delete_old_events, delete_resolved_events
from payments.models import StripeEvent
from shop.audit.staff_log import StaffAction, delete_old_actions
from shop.db import documents
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import stages_of
from shop.dev.testing.steps import add_to_cart, dump_database, place_order
from shop.dev.testing.stripe_steps import deliver, open_payment
from shop.dev.testing.tasks import run_due_tasks
from shop.jobs import PeriodicTask, retention, timing

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def age(model: type[Model], field: str, by: timedelta, **match: Any) -> None:
    """Set a time back, of rows that refuse it, too."""
    moment = timezone.now() - by
    connection.database[model._meta.db_table].update_many(match, {"$set": {field: moment}})


def due_to_expire(model: type[Model], name: str) -> list[Any]:
    """Return the keys of what MongoDB deletes within a minute."""
    collection = connection.database[model._meta.db_table]
    index = collection.index_information()[name]
    ((field, _),) = index["key"]
    before = timezone.now() - timedelta(seconds=index["expireAfterSeconds"])
    match = {field: {"$lt": before}, **index.get("partialFilterExpression", {})}
    return [row["_id"] for row in collection.find({"$and": [match, {field: {"$type": "date"}}]})]


def run_again() -> None:
    PeriodicTask.objects.update(due_at=timezone.now())
    run_due_tasks()


def test_the_documentation_says_of_each_collection_how_long_rows_are_kept() -> None:
    section = (settings.BASE_DIR / "docs/deployment.md").read_text().split("## What is kept")[1].split("\n## ")[0]
    documented = re.findall(r"`([a-z]+_[a-z_]+)`", section)
    stored = [model for model in apps.get_models() if not issubclass(model, EmbeddedModel)]
    assert sorted(documented) == sorted(model._meta.db_table for model in stored)


# --- By TTL indexes ---------------------------------------------------------------------------------------------------


def test_sessions_of_the_admin_expire(staff: User) -> None:
    for _ in range(2):
        Client().force_login(staff)
    keys = list(Session.objects.values_list("session_key", flat=True))
    assert due_to_expire(Session, "session_expiry") == []
    age(Session, "expire_date", timedelta(seconds=1), session_key=keys[0])
    (old,) = due_to_expire(Session, "session_expiry")
    assert connection.database["django_session"].find_one({"_id": old})["session_key"] == keys[0]
    assert not SessionStore(keys[0]).load()
    assert SessionStore(keys[1]).load()
    assert [
        name
        for name, index in connection.database["django_session"].index_information().items()
        if index["key"] == [("expire_date", 1)]
    ] == ["session_expiry"]


def test_carts_of_guests_expire_a_month_after_their_last_change_but_none_of_a_customer(
    anonymous: APIClient, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    add_to_cart(as_customer, product)
    add_to_cart(anonymous, product)
    add_to_cart(APIClient(), product)
    used, abandoned = Cart.objects.filter(user=None).values_list("pk", flat=True)
    age(Cart, "updated_at", 31 * DAY)
    age(Cart, "updated_at", 29 * DAY, _id=used)
    assert due_to_expire(Cart, "guest_cart_expiry") == [abandoned]


# --- By the worker ----------------------------------------------------------------------------------------------------


def log(number: int) -> None:
    for each in range(number):
        StaffAction(staff="1", via="api", action="change", model="catalog.product", object_id=f"{each}").save()


@pytest.mark.parametrize(("days", "left"), [(730, 3), (731, 5), (0, 5)])
def test_staff_actions_are_kept_for_as_long_as_the_setting_says(
    make_product: Callable[..., Product], settings: Any, days: int, left: int
) -> None:
    settings.STAFF_ACTIONS_DAYS = days
    make_product()
    log(2)
    age(StaffAction, "at", 730 * DAY + timedelta(hours=1))
    log(2)
    age(StaffAction, "at", 730 * DAY - timedelta(hours=1), object_id="1", at={"$gt": timezone.now() - DAY})
    log(1)
    before = dump_database()
    run_due_tasks()
    after = dump_database()
    assert len(after.pop("shop_staffaction")) == left
    for name in ("shop_staffaction", "shop_periodictask", "catalog_searchword"):
        before.pop(name, None), after.pop(name, None)
    assert after == before


def test_rows_are_deleted_in_slices_and_a_killed_one_is_repeated(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0)
    log(5)
    age(StaffAction, "at", 1000 * DAY)
    log(1)
    tasks = PeriodicTask.objects.filter(name="shop.forget_staff_actions")
    run_due_tasks()
    assert StaffAction.objects.count() == 1
    assert tasks.get().cursor is None

    log(5)
    age(StaffAction, "at", 1000 * DAY)
    task = tasks.get()
    # The worker was killed after the first slice, before it was recorded.
    assert delete_old_actions(None)
    assert StaffAction.objects.count() == 4
    tasks.update(due_at=timezone.now())
    run_due_tasks()
    assert StaffAction.objects.count() == 0
    assert tasks.get().due_at > task.due_at


def test_old_rows_are_found_by_an_index(make_product: Callable[..., Product]) -> None:
    log(2)
    make_product()
    StripeEvent.objects.create(id="evt_1", type="a.b", payload={}, created_at=timezone.now())
    tasks = (delete_old_actions, delete_old_events, delete_resolved_events, movement_sums.sum_old_movements)
    with count_commands() as commands:
        for task in tasks:
            assert task(None) is None
        assert movement_sums.summed_variants([ObjectId()], month=date(2024, 5, 1)) == set()
    assert len(commands) == len(tasks) + 1
    for command in commands:
        assert "COLLSCAN" not in stages_of(command), command


def test_events_are_deleted_after_ninety_days_but_open_ones_kept() -> None:
    moment = timezone.now() - 91 * DAY
    for status in StripeEvent.Status.values:
        for at in (moment, timezone.now() - 89 * DAY):
            StripeEvent.objects.create(
                id=f"evt_{status}_{at:%d}",
                type="customer.created",
                payload={"data": {"object": {"id": "pi_1", "object": "payment_intent"}}},
                status=status,
                created_at=at,
                received_at=at,
            )
    run_due_tasks()
    old = StripeEvent.objects.filter(received_at__lte=moment).values_list("status", flat=True)
    # Flagged ones of no order can no longer be resolved.
    assert set(old) == {"failed", "received"}
    assert StripeEvent.objects.count() == 2 + 5


def test_a_flagged_event_without_its_order_is_deleted_like_the_others(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product(price="10.00", stock=5))["number"]
    simulator.pay(open_payment(as_customer, number)["payment_intent"])
    deliver(simulator)
    documents.delete_many(Order, {})
    StripeEvent.objects.update(status="flagged", received_at=timezone.now() - 91 * DAY)
    assert delete_resolved_events(None)
    assert not StripeEvent.objects.exists()


def test_a_flagged_event_is_kept_until_the_flag_of_its_order_is_resolved(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product(price="10.00", stock=5))["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    simulator.pay(intent)
    deliver(simulator)
    order = Order.objects.get()
    orders.flag(order_id=order.pk, detail="Received 9.00 of 10.00.")
    event = StripeEvent.objects.filter(type="payment_intent.succeeded").get()
    StripeEvent.objects.filter(pk=event.pk).update(status="flagged")
    age(StripeEvent, "received_at", 91 * DAY)
    run_due_tasks()
    assert StripeEvent.objects.get().pk == event.pk

    orders.resolve_flag(order=order, note="Refunded by hand.")
    age(StripeEvent, "received_at", 89 * DAY)
    run_again()
    assert StripeEvent.objects.count() == 1
    age(StripeEvent, "received_at", 91 * DAY)
    run_again()
    assert StripeEvent.objects.count() == 0
