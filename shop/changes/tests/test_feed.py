"""The feed of changes: what is recorded, pages, cursors, and readers that miss nothing."""

import io
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog import services as catalog
from catalog.models import Product
from conftest import client_of
from orders.models import Order, ShippingMethod
from shop import audit, changes
from shop.api.renderers import JSONRenderer
from shop.changes import feed as feeds
from shop.changes import kinds
from shop.changes.models import Change, PendingChanges
from shop.changes.numbering import number_due
from shop.changes.recording import MOST_TOGETHER
from shop.changes.tests.conftest import Feed
from shop.db.transactions import transactional
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.commands import count_commands
from shop.dev.testing.mails import work
from shop.dev.testing.steps import API, place_order, variant_of
from shop.dev.testing.stripe_steps import deliver, pay
from shop.dev.testing.tasks import run_task

pytestmark = pytest.mark.django_db


def types_of(page: dict[str, Any]) -> dict[str, list[str]]:
    """Return the types by kind, in order."""
    found = defaultdict(list)
    for row in page["results"]:
        found[row["kind"]].append(row["type"].partition(".")[2])
    return found


@pytest.mark.quick
def test_a_sale_and_its_return_are_recorded_in_order(
    feed: Feed,
    as_staff: APIClient,
    as_customer: APIClient,
    customer: User,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    simulator: StripeSimulator,
) -> None:
    start = feed(after="latest")
    assert start["results"] == []
    mug = make_product("Mug", price="10.00", stock=5)
    added = feed(after=start["next_cursor"])
    assert types_of(added) == {"product": ["created"], "stock": ["changed"]}
    number = place_order(as_customer, mug, 3)["number"]
    placed = feed(after=added["next_cursor"])
    assert [(row["type"], row["id"]) for row in placed["results"]] == [
        ("stock.changed", str(variant_of(mug).pk)),
        ("order.placed", number),
    ]
    (row,) = feed(after=added["next_cursor"], kinds="order,customer")["results"]
    assert row["url"] == f"http://testserver{API}/orders/{number}/"
    assert as_staff.get(row["url"]).json()["number"] == number

    payment = pay(as_customer, simulator, number)["id"]
    work()
    order = as_staff.get(f"{API}/orders/{number}/").json()
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped"}).status_code == 200
    lines = [{"line": order["lines"][0]["id"], "quantity": 1, "reason": "Too small"}]
    returns = f"{API}/orders/{number}/returns/"
    returned = as_customer.post(returns, {"lines": lines}).json()["id"]
    for path in ("approve", "receive"):
        assert as_staff.post(f"{returns}{returned}/{path}/", {}).status_code == 200
    work()
    deliver(simulator)
    assert as_customer.patch(f"{API}/users/me/", {"name": "Ada L."}).status_code == 200

    page = feed(after=placed["next_cursor"], limit=1000)
    found = types_of(page)
    assert found["payment"][0] == "created"
    assert [each for each in found["payment"] if each != "updated"] == ["created", "succeeded", "refunded"]
    assert [each for each in found["order"] if each != "updated"] == [
        "paid",
        "shipped",
        "return_requested",
        "return_approved",
        "return_received",
        "refunded",
    ]
    assert found["return"] == ["requested", "approved", "received", "refunded"]
    assert found["customer"] == ["updated"]
    assert {row["id"] for row in page["results"]} >= {number, payment, returned, str(customer.pk)}
    for row in page["results"]:
        assert row["url"] is None or as_staff.get(row["url"]).status_code == 200, row
    sequences = [row["sequence"] for row in page["results"]]
    assert sequences == sorted(set(sequences))
    assert [row["cursor"] for row in page["results"]] == list(map(str, sequences))
    # Nothing is recorded for reads, carts and refused requests.
    assert PendingChanges.objects.count() == 0
    assert as_customer.post(f"{API}/cart/items/", {"product": str(mug.pk), "quantity": 1}).status_code == 201
    assert as_customer.post(f"{API}/orders/", {"shipping_address": {}}).status_code == 400
    assert PendingChanges.objects.count() == 0
    assert audit_of_changes() == []


def audit_of_changes() -> list[str]:
    statement = "the positions of changes have no gap, up to the counter"
    (result,) = (each for each in audit.run() if each.statement == statement)
    return result.violations


def test_products_and_accounts_that_come_and_go_are_recorded(
    feed: Feed, as_staff: APIClient, make_product: Callable[..., Product], anonymous: APIClient
) -> None:
    start = feed(after="latest")["next_cursor"]
    unsold = make_product("Plate", stock=0)
    assert as_staff.patch(f"{API}/products/{unsold.pk}/", {"name": "Dish", "stock": 3}).status_code == 200
    assert as_staff.delete(f"{API}/products/{unsold.pk}/").status_code == 204
    body = {"email": "new@example.com", "password": "correct-horse-battery", "name": "New"}
    tokens = anonymous.post(f"{API}/auth/register/", body).json()
    own = APIClient()
    own.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    assert own.delete(f"{API}/users/me/", {"password": body["password"]}).status_code == 204
    page = feed(after=start)
    assert types_of(page) == {
        "product": ["created", "updated", "deleted"],
        "stock": ["changed"],
        "customer": ["created", "deleted"],
    }
    assert len({row["id"] for row in page["results"]}) == 3


def test_bulk_changes_are_recorded_by_one_command(feed: Feed, make_product: Callable[..., Product]) -> None:
    products = [make_product(f"Mug {number}") for number in range(5)]
    start = feed(after="latest")["next_cursor"]
    with count_commands() as commands:
        catalog.set_active(products, is_active=False)
    assert len(commands.on(PendingChanges._meta.db_table)) == 1
    page = feed(after=start)
    assert [row["id"] for row in page["results"]] == [str(product.pk) for product in products]
    # Those that change nothing are not.
    catalog.set_active(products, is_active=False)
    assert feed(after=page["next_cursor"])["results"] == []


def test_who_may_read_the_feed_and_what_it_refuses(
    as_staff: APIClient, as_customer: APIClient, make_user: Callable[..., User], probe: changes.Kind
) -> None:
    url = f"{API}/changes/"
    assert APIClient().get(url).status_code == 401
    assert as_customer.get(url).status_code == 403
    assert client_of(make_user(is_staff=True)).get(url).status_code == 403
    assert as_staff.post(url).status_code == 405
    for query, attr in (
        ("after=x", "after"),
        ("after=-1", "after"),
        (f"after={'9' * 30}", "after"),
        ("kinds=order,parcel", "kinds"),
        ("limit=0", "limit"),
    ):
        reply = as_staff.get(f"{url}?{query}")
        assert (reply.status_code, reply.json()["errors"][0]["attr"]) == (400, attr), query
    assert as_staff.get(f"{url}?after=&kinds=&limit=5000").status_code == 200
    # A cursor of another database.
    assert as_staff.get(f"{url}?after=7").json()["errors"][0]["code"] == "cursor_expired"

    @transactional("tests.record")
    def record(*ids: int) -> None:
        changes.record("probe.1", *ids)

    many = range(MOST_TOGETHER + 50)
    with count_commands() as commands:
        record(*many)
    assert len(commands.on(PendingChanges._meta.db_table)) == 1
    record(1000)
    assert number_due() == len(many) + 1
    seen, cursor, more = [], "", True
    while more:
        with count_commands() as commands:
            page = as_staff.get(url, {"after": cursor, "limit": 100, "kinds": "probe"} if cursor else {"limit": 100})
        # The user, the counter and the page.
        assert len(commands) == 3, str(commands)
        seen += [row["id"] for row in page.json()["results"]]
        cursor, more = page.json()["next_cursor"], page.json()["has_more"]
    assert seen == [str(number) for number in (*many, 1000)]
    with pytest.raises(RuntimeError):
        changes.record("probe.1", 1)
    with pytest.raises(KeyError):
        changes.record("probe.unknown", 1)


def test_changes_are_deleted_from_the_oldest_on_and_their_cursors_expire(
    feed: Feed, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    for _ in range(3):
        make_product()
    rows = feed()["results"]
    middle = rows[2]["sequence"]
    old = timezone.now() - timedelta(days=settings.CHANGES_RETENTION_DAYS, seconds=60)
    connection.database[Change._meta.db_table].update_many({"_id": {"$lte": middle}}, {"$set": {"at": old}})
    assert run_task("shop.forget_changes") == 1
    assert [row["sequence"] for row in feed()["results"]] == [row["sequence"] for row in rows[3:]]
    assert feed(after=middle)["results"] == feed()["results"]
    reply = as_staff.get(f"{API}/changes/?after={middle - 1}")
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (410, "cursor_expired")
    assert audit_of_changes() == []
    # The last cursor stays good, however long nothing changes.
    last = feed(after="latest")["next_cursor"]
    connection.database[Change._meta.db_table].update_many({}, {"$set": {"at": old}})
    assert run_task("shop.forget_changes") == 1
    assert feed(after=last) == {"results": [], "next_cursor": last, "has_more": False}
    assert feed()["results"] == []
    connection.database[Change._meta.db_table].insert_one({"_id": int(last) + 1, "at": timezone.now()})
    assert len(audit_of_changes()) == 1


def test_after_a_restore_no_cursor_from_before_it_is_good(
    feed: Feed, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    make_product()
    restored = int(feed(after="latest")["next_cursor"])
    # Readers have seen changes that the backup lacks.
    seen = restored + 1
    call_command("expire_change_cursors", stdout=io.StringIO())
    assert feed()["results"] == []
    for _ in range(2):
        make_product()
    found = feed()["results"]
    assert len(found) == 4
    assert found[0]["sequence"] > restored + 1_000_000
    for cursor in (restored, seen):
        reply = as_staff.get(f"{API}/changes/?after={cursor}")
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (410, "cursor_expired")
    assert audit.violations() == []


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_polls_misses_no_change_of_many_concurrent_ones(
    make_product: Callable[..., Product], probe: changes.Kind
) -> None:
    """Writers share objects, workers number concurrently, and the reader polls meanwhile."""
    writers, rounds, objects = 4, 40, 5
    versions = connection.database["tests_versions"]
    versions.insert_many([{"_id": number, "version": 0} for number in range(objects)])
    running = threading.Event()
    running.set()

    @transactional("tests.change")
    def change(number: int) -> None:
        # Recorded before the object is written: the position is taken from the end of the transaction.
        session = connection.session
        table = connection.database["tests_versions"]
        found = table.find_one_and_update({"_id": number}, {"$inc": {"version": 1}}, session=session)
        changes.record(f"probe.{found['version'] % 10}", number)

    def write(start: int) -> None:
        for each in range(rounds):
            change((start + each) % objects)
        connections.close_all()

    def number() -> None:
        while running.is_set():
            number_due()
        connections.close_all()

    threads = [threading.Thread(target=write, args=(each,)) for each in range(writers)]
    workers = [threading.Thread(target=number) for _ in range(2)]
    for thread in (*threads, *workers):
        thread.start()
    seen: list[Change] = []
    cursor: int | None = None
    try:
        while len(seen) < writers * rounds and any(thread.is_alive() for thread in workers):
            page = feeds.read(after=cursor, kinds=["probe"], limit=7)
            seen += page.changes
            cursor = page.next
            if not page.has_more and not any(thread.is_alive() for thread in threads) and not number_due():
                page = feeds.read(after=cursor, kinds=["probe"], limit=1000)
                seen += page.changes
                break
    finally:
        running.clear()
        for thread in (*threads, *workers):
            thread.join(30)
        connection.database.drop_collection("tests_versions")
    assert len(seen) == writers * rounds
    positions = [row.position for row in seen]
    assert positions == list(range(1, len(seen) + 1))
    by_object = defaultdict(list)
    for row in seen:
        by_object[row.object_id].append(int(row.type.partition(".")[2]))
    for number_of, found in by_object.items():
        assert found == [each % 10 for each in range(len(found))], number_of
    assert Order.objects.count() == 0


def test_each_kind_is_shown_as_the_api_shows_it_to_staff(
    as_staff: APIClient,
    as_customer: APIClient,
    customer: User,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    simulator: StripeSimulator,
) -> None:
    mug = make_product("Mug")
    number = place_order(as_customer, mug)["number"]
    payment = pay(as_customer, simulator, number)["id"]
    work()
    key = variant_of(mug).pk

    def shown(kind: str, object_id: Any, parent: str = "") -> Any:
        return json.loads(JSONRenderer().render(kinds.kinds()[kind].show(str(object_id), parent)))

    assert shown("product", mug.pk) == as_staff.get(f"{API}/products/{mug.pk}/").json()
    assert shown("order", number) == as_staff.get(f"{API}/orders/{number}/").json()
    assert shown("customer", customer.pk) == as_staff.get(f"{API}/customers/{customer.pk}/").json()
    # Without what only the customer's browser needs.
    whole = as_staff.get(f"{API}/payments/{payment}/").json()
    assert {*whole} - {*shown("payment", payment)} == {"client_secret", "customer_session_client_secret"}
    assert shown("payment", payment).items() <= whole.items()
    assert shown("stock", key)["stock"] == 4
    for kind in kinds.kinds().values():
        for unknown in ("0" * 24, "nothing"):
            assert kind.show(unknown, number) is None, kind.name
