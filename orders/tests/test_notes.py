"""Internal notes, tags, and what staff find by them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from orders import detaching
from orders.models import Order, ShippingMethod
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import browser_of, ordered, url_of
from shop.dev.testing.guests import place_guest_order
from shop.dev.testing.steps import API, order_of, run_concurrently

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(customer: User, make_product: Callable[..., Product], shipping: ShippingMethod) -> Order:
    return ordered(customer, make_product("Mug", sku="MUG-1"))


def test_notes_are_written_once_and_deleted_by_their_author(
    as_staff: APIClient, staff: User, make_user: Callable[..., User], order: Order
) -> None:
    address = f"{API}/orders/{order.number}/notes/"
    key = {"Idempotency-Key": "note"}
    first, again = (as_staff.post(address, {"text": "Call before noon"}, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json()["staff"] == {"id": str(staff.pk), "name": "Boss"}
    assert as_staff.post(address, {"text": "Call before noon"}).json()["id"] == first.json()["id"]
    assert as_staff.post(address, {"text": ""}).status_code == 400
    colleague = make_user(name="Sam", is_staff=True, is_superuser=True)
    pages: list[Client] = [browser_of(colleague), browser_of(staff)]
    pages[0].post(url_of("orders.order", "add_note", order.pk), {"text": "Fragile <b>"})
    texts = [(note["text"], note["staff"]["name"]) for note in order_of(as_staff, order.number)["notes"]]
    assert texts == [("Call before noon", "Boss"), ("Fragile <b>", "Sam")]
    assert "Fragile &lt;b&gt;" in pages[1].get(url_of("orders.order", "change", order.pk)).content.decode()

    for page in pages:
        page.post(url_of("orders.order", "delete_note", order.pk), {"note": first.json()["id"]})
        left = len(order_of(as_staff, order.number)["notes"])
        assert left == (2 if page is pages[0] else 1)
    assert set(StaffAction.objects.values_list("label", "action")) == {(order.number, "change")}


def test_concurrent_notes_and_tags_are_all_kept(as_staff: APIClient, staff: User, order: Order) -> None:
    def note(text: str) -> Callable[[], int]:
        return lambda: client_of(staff).post(f"{API}/orders/{order.number}/notes/", {"text": text}).status_code

    def tag() -> int:
        reply = client_of(staff).patch(f"{API}/orders/{order.number}/", {"tags": ["b", "a"]}, format="json")
        return reply.status_code

    assert sorted(run_concurrently(note("one"), note("two"), note("three"), tag)) == [200, 201, 201, 201]
    shown = order_of(as_staff, order.number)
    assert {each["text"] for each in shown["notes"]} == {"one", "two", "three"}
    assert shown["tags"] == ["a", "b"]


def test_tags_are_normalized_and_limited(as_staff: APIClient, staff: User, order: Order) -> None:
    address = f"{API}/orders/{order.number}/"
    reply = as_staff.patch(address, {"tags": [" VIP ", "vip", "Gift"]}, format="json")
    assert reply.json()["tags"] == ["gift", "vip"]
    for refused in (["a,b"], ["x" * 41], [f"t{n}" for n in range(21)], "vip", [{"$gt": ""}]):
        assert as_staff.patch(address, {"tags": refused}, format="json").status_code == 400
    browser = browser_of(staff)
    listed = browser.get(url_of("orders.order"), {"tag": "VIP"})
    assert [row.pk for row in listed.context_data["cl"].result_list] == [order.pk]
    assert not browser.get(url_of("orders.order"), {"tag": "none"}).context_data["cl"].result_list
    browser.post(url_of("orders.order", "edit_tags", order.pk), {"tags": "One, two"})
    assert order_of(as_staff, order.number)["tags"] == ["one", "two"]


def test_staff_filter_orders(
    as_staff: APIClient, as_customer: APIClient, customer: User, make_product: Callable[..., Product], order: Order
) -> None:
    other = Order.objects.get(number=place_guest_order(make_product("Spoon", sku="SPOON"))[1]["number"])
    as_staff.patch(f"{API}/orders/{other.number}/", {"tags": ["vip"]}, format="json")
    # As if it were placed a day ago.
    day = timedelta(days=1)
    Order.objects.filter(pk=order.pk).update(created_at=order.created_at - day, updated_at=order.created_at - day)

    def found(client: APIClient = as_staff, **query: str) -> list[str]:
        reply = client.get(f"{API}/orders/", query)
        assert reply.status_code == 200, reply.content
        assert reply.json()["count"] == len(reply.json()["results"])
        return [each["number"] for each in reply.json()["results"]]

    middle = (order.created_at - day / 2).isoformat()
    mine, theirs = [order.number], [other.number]
    for query, expected in (
        ({"email": " ADA@example.com"}, mine),
        ({"sku": "MUG-1"}, mine),
        ({"sku": "SPOON", "status": "pending"}, theirs),
        ({"sku": "SPOON", "status": "completed"}, []),
        ({"tag": "VIP"}, theirs),
        ({"tag": "vip", "email": "ada@example.com"}, []),
        ({"updated_since": middle}, theirs),
        ({"updated_since": (order.created_at - 2 * day).isoformat()}, [*mine, *theirs]),
    ):
        assert found(**query) == expected, query
    # Only the ids, which are of today, bound these in the index.
    assert found(created_before=middle) == []
    assert found(created_after=middle) == theirs
    wrong = (
        {"updated_since": "yesterday"},
        {"created_after": "1"},
        {"email": "no"},
        {"tag": "x" * 41},
        {"returns": "x"},
    )
    for query in wrong:
        assert as_staff.get(f"{API}/orders/", query).status_code == 400
    # Customers cannot probe what staff wrote.
    assert found(as_customer, tag="vip") == found(as_customer, email="x@example.com") == mine
    first = as_staff.get(f"{API}/orders/", {"updated_since": "2020-01-01T00:00:00Z", "page_size": "1"}).json()
    assert [each["number"] for each in first["results"]] == mine
    assert [each["number"] for each in as_staff.get(first["next"]).json()["results"]] == theirs
    Order.objects.filter(pk=other.pk).update(has_open_return=True)
    assert (
        found(returns="open") == found(returns="open", status="pending") == found(returns="open", tag="vip") == theirs
    )
    assert found(returns="open", email="ada@example.com") == found(returns="open", status="completed") == []
    assert found(as_customer, returns="open") == mine


def test_each_change_moves_the_time_of_the_last_change(
    as_customer: APIClient, as_staff: APIClient, order: Order
) -> None:
    changes = (
        lambda: as_staff.post(f"{API}/orders/{order.number}/notes/", {"text": "x"}),
        lambda: as_staff.patch(f"{API}/orders/{order.number}/", {"tags": ["x"]}, format="json"),
        lambda: as_customer.post(f"{API}/orders/{order.number}/cancel/", {}),
    )
    before = order_of(as_staff, order.number)["updated_at"]
    for change in changes:
        assert change().status_code in (200, 201)
        after = order_of(as_staff, order.number)["updated_at"]
        assert after > before
        before = after


def test_erasure_erases_notes(
    as_staff: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod
) -> None:
    number = place_guest_order(make_product())[1]["number"]
    assert as_staff.post(f"{API}/orders/{number}/notes/", {"text": "Ring at Miller's"}).status_code == 201
    detaching.erase_guest_order(order=Order.objects.get(number=number))
    shown = order_of(as_staff, number)
    assert [note["text"] for note in shown["notes"]] == [""]
    assert as_staff.post(f"{API}/orders/{number}/notes/", {"text": "x"}).json()["errors"][0]["code"] == "order_erased"
