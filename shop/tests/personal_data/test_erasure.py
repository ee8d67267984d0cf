"""A deleted account leaves only data with a reason to keep it."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import KnownNetwork, TokenFamily, User
from orders import detaching
from orders import services as orders
from orders.models import Order
from orders.reviews.models import Review
from payments.models import Payment, Refund, StripeEvent
from shop import audit
from shop.dev.testing.admin import url_of
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import work
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import API, dump_database, order_of, place_order
from shop.dev.testing.tasks import run_task
from shop.jobs import timing
from shop.tests.personal_data.classification import CLASSIFIED, ERASED, NO_CANARIES
from shop.tests.personal_data.fields import stored_models
from shop.tests.personal_data.scene import CANARY, EMAIL, Scene, furnish

pytestmark = pytest.mark.django_db(transaction=True)


def paths_with(mark: str) -> set[str]:
    """Return where the mark is in the database: paths of fields, or names of collections without a model."""
    tables = {model._meta.db_table: model for model in stored_models()}
    found = set()
    for name, documents in dump_database().items():
        model = tables.get(name)
        names = {field.column: field.name for field in model._meta.concrete_fields} if model else {}
        for document in documents:
            for path in _paths(document, mark.lower()):
                first, *rest = path
                label = model._meta.label_lower if model else name
                found.add(_known(".".join([label, names.get(first, first), *rest])))
    return found


def _known(path: str) -> str:
    """Cut a path within a JSON field to the field."""
    while path not in CLASSIFIED and "." in path:
        path = path.rpartition(".")[0]
    return path


def _paths(value: Any, mark: str) -> Iterator[list[str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ([key, *rest] for rest in _paths(inner, mark))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, mark)
    elif mark in str(value).lower():
        yield []


def leave(client: APIClient) -> None:
    reply = client.delete(f"{API}/users/me/")
    assert reply.status_code == 204, reply.content


def let_the_period_pass() -> None:
    ago = timezone.now() - timedelta(days=settings.ERASURE_GRACE_DAYS, seconds=1)
    Order.objects.exclude(detached_at=None).update(detached_at=ago)


def orders_with(mark: str) -> set[str]:
    rows = connection.database["orders_order"].find()
    return {row["number"] for row in rows if mark.lower() in json.dumps(row, default=str).lower()}


def test_after_an_account_is_deleted_nothing_personal_is_left_but_what_has_a_reason(
    scene: Scene, person: User, as_stranger: APIClient, settings: Any
) -> None:
    settings.RATE_LIMITS = True
    numbers = furnish(scene, person)
    theirs = place_order(as_stranger, scene.make_product(), note="For Eve")
    # There is some of it everywhere.
    erased = {field for field, fate in CLASSIFIED.items() if fate == ERASED}
    hidden_review = {"orders.review.title", "orders.review.body"}
    assert paths_with(CANARY) == erased - NO_CANARIES | hidden_review
    networks = set(KnownNetwork.objects.filter(user=person).values_list("pk", flat=True))
    families = set(TokenFamily.objects.filter(user=person).values_list("current", flat=True))
    assert networks
    assert families

    leave(scene.client)

    # Only orders that may still be sent, or are disputed, keep what they need.
    open_orders = {numbers[name] for name in ("partly refunded", "to ship", "flagged", "shipped", "disputed")}
    assert orders_with(CANARY) == open_orders
    elsewhere = {path for path in paths_with(CANARY) if not path.startswith("orders.order.")}
    # The picture's file is deleted by a job.
    assert elsewhere == {"payments.refund.reason", "shop.job.payload"}
    assert not paths_with(EMAIL)
    work()
    assert {path for path in paths_with(CANARY) if not path.startswith("orders.order.")} == {"payments.refund.reason"}
    assert set(Refund.objects.exclude(reason="").filter(actor="staff").values_list("payment__order_number")) == {
        (numbers["partly refunded"],)
    }
    for value in {person.password, *networks, *families}:
        assert not paths_with(value)

    # A parcel that has arrived needs no address any more.
    scene.ship(numbers["shipped"], "delivered")
    assert orders_with(CANARY) == open_orders - {numbers["shipped"]}
    # Text that is entered later is erased, too.
    scene.refund(numbers["shipped"], amount="1.00")
    assert orders_with(CANARY) == open_orders - {numbers["shipped"]}
    assert not audit.violations()

    let_the_period_pass()
    assert detaching.erase_detached_orders() == 4
    assert paths_with(CANARY) == set()
    secrets = set(Payment.objects.exclude(order_number=theirs["number"]).values_list("client_secret", flat=True))
    assert secrets == {""}
    to_refund = order_of(scene.staff, numbers["to ship"])
    assert to_refund["timeline"][-1]["event"] == "flagged"
    assert detaching.erase_detached_orders() == 0
    assert not audit.violations()

    # Data with a reason is kept, and so is all data of others.
    kept = order_of(scene.staff, numbers["delivered"])
    assert (kept["total"], kept["payment_status"], kept["carrier"]) == ("10.00", "paid", "Post")
    assert {name: value for name, value in kept["shipping_address"].items() if value} == {"country": "GB"}
    assert [each["body"] for each in Review.objects.values("user", "body")] == ["Fits well"]
    assert order_of(as_stranger, theirs["number"]) == theirs
    assert StripeEvent.objects.filter(status="failed").count() == 0


def test_a_reason_typed_after_the_erasure_is_not_kept(scene: Scene, person: User) -> None:
    number = scene.order()
    leave(scene.client)
    scene.ship(number)
    scene.ship(number, "delivered")
    assert not orders_with(CANARY)
    scene.refund(number, amount="2.00")
    work()
    assert not paths_with(CANARY)
    orders.flag(order_id=Order.objects.get().pk, detail="Look")
    settle = url_of("orders.order", "settle", Order.objects.get().pk)
    assert scene.browser.post(settle, {"note": "Canary rang"}).status_code == 302
    assert not paths_with(CANARY)
    assert not audit.violations()


def test_the_audit_finds_what_is_kept_too_long(scene: Scene, person: User) -> None:
    number = scene.order()
    leave(scene.client)
    assert not audit.violations()
    long_ago = timezone.now() - timedelta(days=settings.ERASURE_GRACE_DAYS + 2)
    Order.objects.update(detached_at=long_ago)
    (violation,) = audit.violations()
    assert f"{number} still has the data of an account deleted" in violation
    detaching.erase_detached_orders()
    assert not audit.violations()
    Order.objects.update(note="Canary")
    (violation,) = audit.violations()
    assert f"{number} was erased, but has note" in violation
    Order.objects.update(note="")
    Review.objects.create(user_id=ObjectId(), product=scene.make_product(), rating=5, is_hidden=True)
    assert any("no data belongs to a deleted account" in line for line in audit.violations())


def test_one_order_that_cannot_be_erased_does_not_hold_up_the_others(scene: Scene, person: User) -> None:
    for _ in range(3):
        scene.order()
    leave(scene.client)
    let_the_period_pass()
    assert detaching.erase_detached_orders(limit=1) == 1
    with failing("update", Order, errorCode=8000):
        assert detaching.erase_detached_orders(limit=2) == 1
    assert len(orders_with(CANARY)) == 1
    assert detaching.erase_detached_orders(limit=2) == 1
    assert not orders_with(CANARY)


def test_many_orders_are_erased_in_slices(scene: Scene, person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        scene.order()
    leave(scene.client)
    let_the_period_pass()
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    # The last slice finds none.
    assert run_task("orders.erase_detached") == 4
    assert not orders_with(CANARY)


def test_a_run_that_is_killed_is_completed_by_the_next(scene: Scene, person: User) -> None:
    numbers = {scene.order() for _ in range(4)}
    leave(scene.client)
    let_the_period_pass()
    code = "import django; django.setup(); from orders import detaching; detaching.erase_detached_orders()"
    environment = {**os.environ, "MONGO_URI": database_uri(), "CRASH_AT": "orders.erase:before_commit@3", "DEBUG": "1"}
    environment["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    killed = subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = orders_with(CANARY)
    assert len(left) == 2
    assert left < numbers
    # Nothing is half done.
    assert set(Order.objects.exclude(erased_at=None).values_list("number", flat=True)) == numbers - left
    assert detaching.erase_detached_orders() == 2
    assert not orders_with(CANARY)
    assert not audit.violations()


def test_the_orders_of_accounts_that_were_deleted_before_are_erased_too(scene: Scene, person: User) -> None:
    migration = importlib.import_module("orders.migrations.0004_detach_orders_of_deleted_accounts")
    number = scene.order()
    # As it was left by the version before.
    scene.refund(number)
    Order.objects.update(user=None)
    assert detaching.erase_detached_orders() == 0
    migration.detach(apps)
    migration.detach(apps)
    assert detaching.erase_detached_orders() == 1
    assert "orders.order.note" not in paths_with(CANARY)
    assert orders_with(CANARY) == set()
