"""Pages of every list but that of products: by number up to the maximum count, then by cursor."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from bson import ObjectId
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import Address, User
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order
from orders.reviews.models import Review
from shop.api import pagination
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal
from shop.dev.testing.routes import schema
from shop.dev.testing.steps import API, place_order

pytestmark = pytest.mark.django_db

Lists = dict[str, tuple[str, list[str]]]


@pytest.fixture
def lists(
    monkeypatch: pytest.MonkeyPatch,
    customer: User,
    as_customer: APIClient,
    make_user: Callable[..., User],
    make_product: Callable[..., Product],
) -> Lists:
    """Return the addresses of lists with 10 rows, and a field of these rows, newest first. Others' rows exist, too."""
    monkeypatch.setattr(pagination, "MAX_COUNTED", 7)
    mug, other = make_product("Mug", stock=5), make_user()
    place_order(as_customer, mug)
    orders = connection.database[Order._meta.db_table]
    template = orders.find_one()
    for owner in (other, customer):
        orders.insert_many(
            {**template, "_id": ObjectId(), "number": f"{owner.email[:3]}-{n}", "cart": ObjectId(), "user_id": owner.pk}
            for n in range(9)
        )
    Order.objects.filter(user=customer).update(status="completed", payment_status="paid", expires_at=None)
    for hidden in (False, True):
        Review.objects.bulk_create(Review(product=mug, rating=4, title=f"{n}", is_hidden=hidden) for n in range(10))
    Address.objects.bulk_create(
        Address(user=owner, **{**ADDRESS, "name": f"{n}"}) for owner in (customer, other) for n in range(10)
    )
    numbers = list(Order.objects.filter(user=customer).order_by("-id").values_list("number", flat=True))
    names = [str(n) for n in reversed(range(10))]
    return {
        f"{API}/orders/": ("number", numbers),
        f"{API}/orders/?status=completed": ("number", numbers),
        f"{API}/orders/?payment_status=paid&fulfilment_status=unfulfilled": ("number", numbers),
        f"{API}/products/mug/reviews/": ("title", names),
        f"{API}/users/me/addresses/": ("name", names),
    }


def with_parameters(url: str, **parameters: Any) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def walk(client: APIClient, url: str, **parameters: Any) -> list[dict[str, Any]]:
    pages = [client.get(with_parameters(url, **parameters)).json()]
    while pages[-1]["next"]:
        pages.append(client.get(pages[-1]["next"]).json())
    return pages


@pytest.mark.parametrize("size", [3, 4, 7])
def test_next_leads_to_the_very_end(as_customer: APIClient, lists: Lists, size: int, subtests: pytest.Subtests) -> None:
    for url, (field, rows) in lists.items():
        with subtests.test(url=url):
            pages = walk(as_customer, url, page_size=size)
            assert [row[field] for page in pages for row in page["results"]] == rows
            assert {(page["count"], page["count_exact"]) for page in pages} == {(7, False)}
            by_number = [page for page in pages if "cursor=" not in (page["next"] or "")]
            assert len(by_number) < len(pages)


def test_staff_page_through_all_orders(as_staff: APIClient, lists: Lists, customer: User) -> None:
    numbers = list(Order.objects.order_by("-id").values_list("number", flat=True))
    assert len(numbers) == 19
    for query, kept in (
        ("", numbers),
        (f"&user={customer.pk}", lists[f"{API}/orders/"][1]),
        (f"&user={customer.pk}&status=completed", lists[f"{API}/orders/"][1]),
        ("&status=completed", lists[f"{API}/orders/"][1]),
    ):
        pages = walk(as_staff, f"{API}/orders/?page_size=4{query}")
        assert [row["number"] for page in pages for row in page["results"]] == kept
    assert walk(as_staff, f"{API}/orders/?status=cancelled")[0]["count"] == 0


def test_rows_that_are_added_move_nothing(as_customer: APIClient, lists: Lists, make_product: Callable) -> None:
    _, numbers = lists[f"{API}/orders/"]
    first = as_customer.get(f"{API}/orders/?page_size=7").json()
    place_order(as_customer, make_product())
    second = as_customer.get(first["next"]).json()
    assert [row["number"] for row in second["results"]] == numbers[7:]
    assert (second["next"], second["previous"]) == (None, None)


def test_as_many_as_are_counted_are_counted_exactly(
    as_customer: APIClient, lists: Lists, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr(pagination, "MAX_COUNTED", 10)
    for url in lists:
        for size, count in ((3, 4), (5, 2), (10, 1), (20, 1)):
            with subtests.test(url=url, size=size):
                pages = walk(as_customer, url, page_size=size)
                assert len(pages) == count
                assert {(page["count"], page["count_exact"]) for page in pages} == {(10, True)}


def test_pages_by_number_end_at_the_maximum_count(
    as_customer: APIClient, lists: Lists, subtests: pytest.Subtests
) -> None:
    for url in lists:
        with subtests.test(url=url):
            last = as_customer.get(with_parameters(url, page_size=5, page=2)).json()
            assert len(last["results"]) == 2
            assert "page=" not in last["previous"].replace("page_size=", "")
            assert refusal(as_customer.get(with_parameters(url, page_size=5, page=3)), 404) == ("not_found", None)


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_a_cursor_that_points_nowhere_is_refused(
    as_customer: APIClient, lists: Lists, subtests: pytest.Subtests
) -> None:
    pk = str(ObjectId())
    values = [None, 5, "", [], [None], [5], ["abc"], [pk, pk], [{"$gt": ""}], {"a": 1}, [[pk]], ["\0"], ["$x"]]
    for url in lists:
        for text in ["x", "=", "é", "A" * 3000, *map(cursor, values)]:
            with subtests.test(url=url, cursor=text[:50]):
                assert refusal(as_customer.get(with_parameters(url, cursor=text)), 404) == ("not_found", None)
        assert as_customer.get(with_parameters(url, cursor=cursor([pk]))).status_code == 200


def test_an_empty_page_is_not_counted(as_customer: APIClient) -> None:
    with count_commands() as commands:
        reply = as_customer.get(f"{API}/users/me/addresses/?page=2")
    assert refusal(reply, 404) == ("not_found", None)
    assert len(commands.on("accounts_address")) == 1


def test_every_list_describes_its_count_and_cursor(db: None) -> None:
    operations = [
        operation
        for path in schema()["paths"].values()
        for operation in path.values()
        if any(each["name"] == "page" for each in operation.get("parameters", []))
    ]
    for operation in operations:
        (described_cursor,) = [each for each in operation["parameters"] if each["name"] == "cursor"]
        assert (described_cursor["in"], described_cursor["schema"]["type"]) == ("query", "string")
    described = [
        operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for operation in operations
    ]
    assert len(set(described)) == len(described) > 0
    for name in described:
        properties = schema()["components"]["schemas"][name]["properties"]
        own = ["corrected_query"] if name == "PaginatedListedProductList" else []
        assert list(properties) == ["count", "next", "previous", "results", "count_exact", *own], name
        assert properties["count_exact"]["type"] == "boolean"
