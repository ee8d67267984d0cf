"""Buyers review a product once; its rating is that of its reviews."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from orders import services as orders
from orders.events import Actor
from orders.models import Order
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.reviews import GOOD, rating_of, titles, url_of, write
from shop.dev.testing.steps import dump_database, place_order

pytestmark = pytest.mark.django_db


# --- Writing ----------------------------------------------------------------------------------------------------------


def test_a_buyer_s_review_is_shown_and_counted(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product, make_product: Callable[..., Product]
) -> None:
    other = make_product("Other")
    review = write(buyer(name="Ada Lovelace", email="ada@example.com"), mug)
    assert review == {
        "id": review["id"],
        **GOOD,
        "reviewer": "Ada L.",
        "is_mine": True,
        "is_hidden": False,
        "is_withdrawn": False,
        "created_at": review["created_at"],
        "updated_at": review["updated_at"],
    }
    page = anonymous.get(url_of(mug)).json()
    assert (page["count"], page["results"]) == (1, [{**review, "is_mine": False}])
    assert (rating_of(mug), rating_of(other)) == ((5.0, 1), (None, 0))


def test_stars_are_enough(buyer: Callable[..., APIClient], mug: Product) -> None:
    reply = buyer().post(url_of(mug), {"rating": 3})
    assert (reply.status_code, reply.json()["title"], reply.json()["body"]) == (201, "", "")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada Lovelace", "Ada L."),
        ("Ada King Lovelace", "Ada L."),
        # A word alone may be the whole name.
        ("Ada", "A."),
        ("王小明", "王."),
        ("王 小明", "王."),
        # Names without spaces between their parts, followed by something else.
        ("王小明 先生", "王."),
        ("山田太郎 Yamada", "山."),
        ("김철수 님", "김."),
        ("สมชายใจดี คุณ", "ส."),
        ("  ada  l ", "ada l."),
        ("ada.lovelace", "a."),
        ("ada@example.com", None),
        ("ada＠example.com", None),
        ("Ada ada@example.com", "A."),
        ("ada.lovelace gmail.com", "a."),
        ("Jean-Luc Picard", "Jean-Luc P."),
        ("Jose\u0301 D'Arc", "José D."),
        ("12345 67890", None),
        ("Ada \u202eLovelace", "Ada L."),
        ("प्रिया शर्मा", "प्रिया श."),
        ("Åsa Öst", "Åsa Ö."),
    ],
)
def test_others_learn_a_first_name_and_an_initial(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product, name: str, shown: str | None
) -> None:
    write(buyer(name=name, email="secret@example.com"), mug)
    reply = anonymous.get(url_of(mug))
    assert reply.json()["results"][0]["reviewer"] == shown
    assert "secret" not in reply.content.decode()
    assert "user" not in reply.json()["results"][0]


def test_the_average_has_two_decimals(buyer: Callable[..., APIClient], mug: Product) -> None:
    for rating, average in ((5, 5.0), (4, 4.5), (4, 4.33), (1, 3.5), (2, 3.2), (2, 3.0), (5, 3.29)):
        write(buyer(), mug, rating=rating)
        assert rating_of(mug)[0] == average
    assert rating_of(mug)[1] == 7


def test_only_buyers_review(
    anonymous: APIClient,
    as_customer: APIClient,
    as_staff: APIClient,
    mug: Product,
    make_product: Callable[..., Product],
) -> None:
    place_order(as_customer, make_product("Another", price="0"))
    before = dump_database()
    assert refusal(anonymous.post(url_of(mug), GOOD), 401) == ("not_authenticated", None)
    for client in (as_customer, as_staff):
        assert refusal(client.post(url_of(mug), GOOD), 409) == ("not_bought", None)
    assert dump_database() == before


def _pay(order: Order) -> None:
    orders.mark_paid(order_id=order.pk)


def _refund(order: Order, amount: str) -> None:
    _pay(order)
    orders.record_refund(
        order_id=order.pk, refund=ObjectId(), amount=Decimal(amount), status="succeeded", actor=Actor.STAFF
    )


@pytest.mark.parametrize(
    ("what_became_of_it", "status"),
    [
        (lambda order: None, 409),
        (_pay, 201),
        (lambda order: _refund(order, "4.00"), 201),
        (lambda order: _refund(order, "10.00"), 409),
        (lambda order: (_pay(order), orders.cancel_order(order=order, actor=Actor.STAFF)), 409),
        (lambda order: orders.mark_processing(order_id=order.pk), 409),
    ],
    ids=["unpaid", "paid", "partially refunded", "refunded", "cancelled", "processing"],
)
def test_who_paid_and_was_not_refunded_is_a_buyer(
    as_customer: APIClient, make_product: Callable[..., Product], what_became_of_it: Callable, status: int
) -> None:
    product = make_product(price="10.00")
    place_order(as_customer, product)
    what_became_of_it(Order.objects.get())
    assert as_customer.post(url_of(product), GOOD).status_code == status


def test_one_review_each(buyer: Callable[..., APIClient], mug: Product) -> None:
    client = buyer()
    write(client, mug)
    before = dump_database()
    assert refusal(client.post(url_of(mug), {"rating": 1}), 409) == ("already_reviewed", None)
    assert dump_database() == before
    write(buyer(), mug, rating=4)
    assert rating_of(mug) == (4.5, 2)


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "rating"),
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": -1}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({"rating": "five"}, "rating"),
        ({"rating": None}, "rating"),
        ({"rating": True}, "rating"),
        ({"rating": {"$gt": 0}}, "rating"),
        ({"rating": 2**62}, "rating"),
        ({"rating": 5, "title": "t" * 121}, "title"),
        ({"rating": 5, "body": "b" * 5001}, "body"),
        ({"rating": 5, "body": ["b"]}, "body"),
    ],
)
def test_a_review_that_cannot_be_writes_nothing(
    buyer: Callable[..., APIClient], mug: Product, body: dict[str, Any], attr: str
) -> None:
    client = buyer()
    before = dump_database()
    assert {each for _, each in refusals(client.post(url_of(mug), body), 400)} == {attr}
    assert dump_database() == before


def test_what_the_shop_owns_no_client_writes(buyer: Callable[..., APIClient], mug: Product, staff: User) -> None:
    taken = {"is_hidden": True, "user": str(staff.pk), "reviewer": "Boss", "created_at": "2000-01-01T00:00:00Z"}
    client = buyer(name="Ada")
    review = write(client, mug, **taken)
    assert (review["is_hidden"], review["reviewer"]) == (False, "A.")
    assert not review["created_at"].startswith("2000")
    changed = client.patch(url_of(mug, review), taken).json()
    assert {**changed, "updated_at": ""} == {**review, "updated_at": ""}


# --- Changing and deleting --------------------------------------------------------------------------------------------


def test_a_changed_review_changes_the_rating(buyer: Callable[..., APIClient], mug: Product) -> None:
    client = buyer()
    review = write(client, mug)
    write(buyer(), mug, rating=4)
    reply = client.patch(url_of(mug, review), {"rating": 1, "title": "It broke"})
    expected = {**review, "rating": 1, "title": "It broke", "updated_at": reply.json()["updated_at"]}
    assert (reply.status_code, reply.json()) == (200, expected)
    assert reply.json()["updated_at"] > review["updated_at"]
    assert rating_of(mug) == (2.5, 2)
    assert refusal(client.patch(url_of(mug, review), {"rating": 9}), 400)[1] == "rating"
    assert rating_of(mug) == (2.5, 2)


def test_a_deleted_review_is_gone_and_another_may_follow(buyer: Callable[..., APIClient], mug: Product) -> None:
    client = buyer()
    review = write(client, mug)
    write(buyer(), mug, rating=2)
    reply = client.delete(url_of(mug, review))
    assert (reply.status_code, reply.content) == (204, b"")
    assert refusal(client.delete(url_of(mug, review)), 404) == ("not_found", None)
    assert rating_of(mug) == (2.0, 1)
    write(client, mug, rating=4)
    assert rating_of(mug) == (3.0, 2)


def test_another_user_s_review_is_404(
    buyer: Callable[..., APIClient],
    as_staff: APIClient,
    anonymous: APIClient,
    mug: Product,
    make_product: Callable[..., Product],
) -> None:
    owner, other = buyer(), buyer()
    review = write(owner, mug)
    another = make_product()
    before = dump_database()
    nobody = other.patch(url_of(mug, {"id": ObjectId()}), {"rating": 1})
    for client, product in ((other, mug), (as_staff, mug), (owner, another)):
        for method in ("patch", "delete"):
            reply = getattr(client, method)(url_of(product, review), {"rating": 1})
            assert refusal(reply, 404) == ("not_found", None)
            assert reply.content == nobody.content
    assert refusal(anonymous.delete(url_of(mug, review)), 401) == ("not_authenticated", None)
    assert dump_database() == before


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_a_customer_writes_a_maximum_of_reviews_a_minute(
    buyer: Callable[..., APIClient], mug: Product, settings: Any
) -> None:
    client, other = buyer(), buyer()
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {**settings.RATE_LIMIT_RULES, "review": (2, int(timedelta(days=10**6).total_seconds()))}
    review = write(client, mug)
    assert client.patch(url_of(mug, review), {"rating": 1}).status_code == 200
    reply = client.delete(url_of(mug, review))
    assert refusal(reply, 429) == ("throttled", None)
    assert int(reply["Retry-After"]) > 0
    assert titles(client, mug) == ["Lovely"]
    write(other, mug)
