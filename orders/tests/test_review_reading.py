"""Reviews are read in pages, hidden by staff, and outlive their authors' accounts."""

from collections.abc import Callable

import pytest
from bson import ObjectId
from django.db import connection
from rest_framework.test import APIClient

from catalog import services as catalog
from catalog.models import Product
from orders.models import Order
from orders.reviews import services
from orders.reviews.models import Review
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import profiled
from shop.dev.testing.replies import refusal
from shop.dev.testing.reviews import GOOD, rating_of, titles, url_of, write
from shop.dev.testing.steps import API, dump_database, run_concurrently

pytestmark = pytest.mark.django_db


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
