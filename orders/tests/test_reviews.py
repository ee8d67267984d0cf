"""Buyers review a product once; its rating is that of its reviews."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from catalog import services as catalog
from catalog.models import Product
from conftest import client_of
from orders import services as orders
from orders.lifecycle import Actor
from orders.models import Order
from orders.reviews import services
from orders.reviews.models import Review
from shop import audit
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import profiled
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import API, dump_database, place_order, run_concurrently

pytestmark = pytest.mark.django_db

GOOD = {"rating": 5, "title": "Lovely", "body": "Holds tea."}


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    """A free product, so that ordering it completes the purchase."""
    return make_product("Mug", price="0", stock=100)


@pytest.fixture
def buyer(make_user: Callable[..., User], mug: Product) -> Callable[..., APIClient]:
    """A client of a user who has bought the mug."""

    def make(**fields: Any) -> APIClient:
        client = client_of(make_user(**fields))
        place_order(client, mug)
        return client

    return make


def url_of(product: Product, review: Any = None) -> str:
    return f"{API}/products/{product.pk}/reviews/" + (f"{review['id']}/" if review else "")


def write(client: APIClient, product: Product, **fields: Any) -> dict[str, Any]:
    reply = client.post(url_of(product), {**GOOD, **fields})
    assert reply.status_code == 201, reply.content
    return reply.json()


def rating_of(product: Product) -> tuple[float | None, int]:
    """Return the rating in list and detail, after checking it by the audit."""
    detail = APIClient().get(f"{API}/products/{product.pk}/").json()["rating"]
    rows = APIClient().get(f"{API}/products/").json()["results"]
    assert [row["rating"] for row in rows if row["id"] == str(product.pk)] == [detail]
    assert audit.violations() == []
    return detail["average"], detail["count"]


def titles(client: APIClient, product: Product, **query: Any) -> list[str]:
    reply = client.get(url_of(product), query)
    assert reply.status_code == 200, reply.content
    return [review["title"] for review in reply.json()["results"]]


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


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_reviews_come_newest_first_in_pages(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product, make_product: Callable[..., Product]
) -> None:
    for title in "abc":
        write(buyer(), mug, title=title)
    assert titles(anonymous, mug) == ["c", "b", "a"]
    page = anonymous.get(url_of(mug), {"page_size": 2}).json()
    assert (page["count"], [review["title"] for review in page["results"]]) == (3, ["c", "b"])
    assert [review["title"] for review in anonymous.get(page["next"]).json()["results"]] == ["a"]
    assert titles(anonymous, make_product()) == []


def test_reviews_are_found_by_the_product_s_slug_too(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product
) -> None:
    by_slug = f"{API}/products/mug/reviews/"
    reply = buyer().post(by_slug, GOOD)
    assert reply.status_code == 201
    assert anonymous.get(by_slug).content == anonymous.get(url_of(mug)).content


@pytest.mark.parametrize("product", ["nothing", "0" * 24, "0" * 23, "facets", "-"])
def test_reviews_of_no_product_are_404(
    anonymous: APIClient, as_customer: APIClient, mug: Product, product: str
) -> None:
    for reply in (
        anonymous.get(f"{API}/products/{product}/reviews/"),
        as_customer.post(f"{API}/products/{product}/reviews/", GOOD),
    ):
        assert refusal(reply, 404) == ("not_found", None)


def test_reviews_vanish_with_their_product_for_all_but_staff(
    anonymous: APIClient, as_staff: APIClient, buyer: Callable[..., APIClient], mug: Product
) -> None:
    client = buyer()
    review = write(client, mug)
    catalog.set_active([mug], is_active=False)
    for reply in (
        anonymous.get(url_of(mug)),
        client.get(url_of(mug)),
        client.patch(url_of(mug, review), {"rating": 1}),
        client.post(url_of(mug), GOOD),
    ):
        assert refusal(reply, 404) == ("not_found", None)
    assert titles(as_staff, mug) == ["Lovely"]


def test_one_s_own_review_can_be_asked_for(anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product) -> None:
    client, other = buyer(), buyer()
    write(client, mug, title="Mine")
    write(other, mug, title="Theirs")
    assert titles(client, mug, mine="true") == ["Mine"]
    assert titles(client, mug, mine="false") == titles(client, mug) == ["Theirs", "Mine"]
    assert [review["is_mine"] for review in client.get(url_of(mug)).json()["results"]] == [False, True]
    assert titles(anonymous, mug, mine="true") == []
    assert refusal(anonymous.get(url_of(mug), {"mine": "maybe"}), 400)[1] == "mine"


def test_cached_reviews_are_304_until_there_is_another(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product
) -> None:
    client = buyer()
    detail = f"{API}/products/mug/"
    tags = {url: anonymous.get(url)["ETag"] for url in (url_of(mug), detail)}
    for url, tag in tags.items():
        assert anonymous.get(url, headers={"If-None-Match": tag}).status_code == 304
    write(client, mug)
    for url, tag in tags.items():
        assert anonymous.get(url, headers={"If-None-Match": tag}).status_code == 200
    assert client.get(url_of(mug))["ETag"] != anonymous.get(url_of(mug))["ETag"]
    assert "private" in client.get(url_of(mug))["Cache-Control"]


@pytest.mark.parametrize("reviews", [1, 6])
def test_a_page_of_reviews_costs_three_commands(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product, reviews: int
) -> None:
    for _ in range(reviews):
        write(buyer(), mug)
    with count_commands() as commands:
        assert len(titles(anonymous, mug)) == reviews
    assert len(commands) == 3, str(commands)


def test_a_buyer_of_many_things_is_not_searched_through(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product
) -> None:
    client = buyer()
    rows = connection.database[Order._meta.db_table]
    order = rows.find_one()
    order["lines"][0]["product"] = ObjectId()
    rows.insert_many({**order, "_id": ObjectId(), "number": f"N{n}", "cart": ObjectId()} for n in range(200))
    with profiled() as profiles:
        write(client, mug)
    read = [profile for profile in profiles if profile.collection == Order._meta.db_table]
    assert read
    assert max(profile.documents for profile in read) <= 2, "\n".join(map(str, read))


# --- Hiding -----------------------------------------------------------------------------------------------------------


def test_a_hidden_review_is_shown_to_its_author_only_and_does_not_count(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product
) -> None:
    client, other = buyer(), buyer()
    review = write(client, mug, rating=1, title="Rude")
    write(other, mug, rating=4, title="Fine")
    hidden = Review.objects.get(title="Rude")
    for _ in range(2):
        services.set_hidden(review=hidden, is_hidden=True)
    assert titles(anonymous, mug) == titles(client, mug) == ["Fine"]
    assert rating_of(mug) == (4.0, 1)

    (own,) = client.get(url_of(mug), {"mine": "true"}).json()["results"]
    assert own["is_hidden"] is True
    assert refusal(client.post(url_of(mug), GOOD), 409) == ("already_reviewed", None)
    assert client.patch(url_of(mug, review), {"rating": 2}).json()["is_hidden"] is True
    assert rating_of(mug) == (4.0, 1)

    services.set_hidden(review=hidden, is_hidden=False)
    assert rating_of(mug) == (3.0, 2)
    services.set_hidden(review=hidden, is_hidden=True)
    assert client.delete(url_of(mug, review)).status_code == 204
    assert rating_of(mug) == (4.0, 1)
    services.set_hidden(review=hidden, is_hidden=False)
    assert rating_of(mug) == (4.0, 1)


# --- At once ----------------------------------------------------------------------------------------------------------


def test_one_of_many_attempts_at_once_is_the_review(buyer: Callable[..., APIClient], mug: Product) -> None:
    client = buyer()
    token = client._credentials
    clients = [APIClient(raise_request_exception=False) for _ in range(6)]
    for each in clients:
        each.credentials(**token)
    replies = run_concurrently(*(lambda each=each: each.post(url_of(mug), GOOD) for each in clients))
    assert sorted(reply.status_code for reply in replies) == [201, *[409] * 5]
    assert rating_of(mug) == (5.0, 1)


def test_the_rating_is_right_whatever_happens_at_once(buyer: Callable[..., APIClient], mug: Product) -> None:
    clients = [buyer() for _ in range(6)]
    written = [write(client, mug, rating=3) for client in clients[:4]]
    rows = [Review.objects.get(pk=review["id"]) for review in written]
    replies = run_concurrently(
        lambda: clients[4].post(url_of(mug), {"rating": 5}),
        lambda: clients[5].post(url_of(mug), {"rating": 1}),
        lambda: clients[0].patch(url_of(mug, written[0]), {"rating": 4}),
        lambda: clients[1].delete(url_of(mug, written[1])),
        lambda: services.delete_review(review=rows[1]),
        lambda: services.set_hidden(review=rows[2], is_hidden=True),
        lambda: services.set_hidden(review=rows[2], is_hidden=True),
        lambda: clients[3].patch(url_of(mug, written[3]), {"rating": 5}),
        lambda: services.set_hidden(review=rows[3], is_hidden=True),
    )
    assert {reply.status_code for reply in replies if reply is not None} <= {200, 201, 204, 404}
    assert rating_of(mug) == (3.33, 3)


# --- Leaving ----------------------------------------------------------------------------------------------------------


def test_who_leaves_leaves_their_words_without_their_name(
    anonymous: APIClient, buyer: Callable[..., APIClient], mug: Product
) -> None:
    leaving, staying = buyer(name="Ada Lovelace"), buyer(name="Eve Stays")
    write(leaving, mug, rating=2, title="Left")
    write(staying, mug, rating=4, title="Stays")
    before = rating_of(mug)
    assert leaving.delete(f"{API}/users/me/").status_code == 204
    assert [(each["title"], each["reviewer"]) for each in anonymous.get(url_of(mug)).json()["results"]] == [
        ("Stays", "Eve S."),
        ("Left", None),
    ]
    assert rating_of(mug) == before
    assert "Ada" not in str(dump_database()["orders_review"])


def test_several_may_leave_and_hidden_reviews_go_with_them(buyer: Callable[..., APIClient], mug: Product) -> None:
    for title, client in {"hidden": buyer(), "first": buyer(), "second": buyer()}.items():
        write(client, mug, title=title)
        services.set_hidden(review=Review.objects.get(title=title), is_hidden=title == "hidden")
        assert client.delete(f"{API}/users/me/").status_code == 204
    assert set(Review.objects.values_list("title", "user")) == {("first", None), ("second", None)}
    assert rating_of(mug) == (5.0, 2)


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
