"""Staff read, hide, show and delete reviews in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from orders.reviews import services
from orders.reviews.models import Review
from shop import audit
from shop.admin import base
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import allow, browser_of, in_dialog, messages_of, ordered, url_of
from shop.dev.testing.commands import count_commands

pytestmark = pytest.mark.django_db

REVIEW = "orders.review"


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Blue mug", price="0", stock=100)


@pytest.fixture
def reviewed(make_user: Callable[..., User], mug: Product) -> Callable[..., Review]:
    def make(rating: int = 5, title: str = "Lovely", **person: Any) -> Review:
        user = make_user(**person)
        ordered(user, mug)
        return services.write_review(user=user, product=mug, data={"rating": rating, "title": title, "body": "Tea."})

    return make


def shown(product: Product) -> tuple[list[str], int]:
    """The titles that shoppers see, and how many reviews the rating counts."""
    page = APIClient().get(f"/api/v1/products/{product.pk}/reviews/").json()
    assert audit.violations() == []
    return [review["title"] for review in page["results"]], Product.objects.get(pk=product.pk).rating_count


def press(browser: Client, button: str, review: Review) -> Any:
    return browser.post(url_of(REVIEW, button, review.pk), follow=True)


def test_the_list_and_the_page_show_the_review_its_product_and_author(browser: Client, reviewed: Callable) -> None:
    review = reviewed(3, "<b>So so</b>", email="ada@example.com")
    for url in (url_of(REVIEW), url_of(REVIEW, "change", review.pk)):
        text = browser.get(url).content.decode()
        for part in ("★★★☆☆", "&lt;b&gt;So so", "Blue mug", "ada@example.com", "Published"):
            assert part in text, (url, part)
        assert 'name="_save"' not in text
    User.objects.get(email="ada@example.com").delete()
    assert "deleted account" in browser.get(url_of(REVIEW, "change", review.pk)).content.decode()


def test_a_review_is_hidden_and_shown_again_by_a_button_that_asks_first(
    browser: Client, reviewed: Callable, mug: Product
) -> None:
    rude, _ = reviewed(1, "Rude"), reviewed(5, "Fine")
    assert "Hide this review?" in in_dialog(browser, url_of(REVIEW, "hide", rude.pk)).content.decode()
    assert shown(mug) == (["Fine", "Rude"], 2)

    assert messages_of(press(browser, "hide", rude)) == ["The review was hidden."]
    assert shown(mug) == (["Fine"], 1)
    assert messages_of(press(browser, "hide", rude)) == ["This review is already hidden."]
    page = browser.get(url_of(REVIEW, "change", rude.pk)).content.decode()
    assert "Publish" in page
    assert "Hide" not in page

    assert messages_of(press(browser, "show", rude)) == ["The review was published."]
    assert shown(mug) == (["Fine", "Rude"], 2)


def test_many_are_hidden_and_shown_at_once(browser: Client, reviewed: Callable, mug: Product) -> None:
    first, second, _ = reviewed(1, "a"), reviewed(2, "b"), reviewed(3, "c")
    selected = {"_selected_action": [str(first.pk), str(second.pk)]}
    page = browser.post(url_of(REVIEW), {"action": "hide_selected", **selected}, follow=True)
    assert messages_of(page) == ["2 reviews hidden."]
    assert shown(mug) == (["c"], 1)
    page = browser.post(url_of(REVIEW), {"action": "show_selected", **selected}, follow=True)
    assert shown(mug) == (["c", "b", "a"], 3)


@pytest.mark.parametrize("action", ["hide_selected", "delete_selected"])
def test_more_reviews_than_one_request_can_change_are_refused(
    browser: Client, reviewed: Callable, mug: Product, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    for stars in (3, 4, 5):
        reviewed(stars, "A mug")
    before = shown(mug)
    monkeypatch.setattr(base, "MOST_CHANGED", 2)
    selected = {"_selected_action": str(Review.objects.first().pk), "select_across": "1", "post": "yes"}
    page = browser.post(url_of(REVIEW), {"action": action, **selected}, follow=True)
    assert messages_of(page) == ["Select at most 2 reviews, or filter the list first."]
    assert shown(mug) == before
    assert not StaffAction.objects.filter(model="orders.review").exists()


def test_deleting_takes_the_stars_along(browser: Client, reviewed: Callable, mug: Product) -> None:
    first, second, third, _ = (reviewed(rating, str(rating)) for rating in (1, 2, 3, 4))
    browser.post(url_of(REVIEW, "delete", first.pk), {"post": "yes"})
    assert shown(mug) == (["4", "3", "2"], 3)
    services.set_hidden(review=second, is_hidden=True)
    selected = {"_selected_action": [str(second.pk), str(third.pk)], "post": "yes"}
    browser.post(url_of(REVIEW), {"action": "delete_selected", **selected})
    assert shown(mug) == (["4"], 1)


def test_reviews_are_found_by_person_product_stars_and_state(
    browser: Client, reviewed: Callable, make_product: Callable[..., Product]
) -> None:
    reviewed(1, "One", email="ada@example.com")
    hidden = reviewed(5, "Five", email="eve@example.com")
    services.set_hidden(review=hidden, is_hidden=True)

    def found(query: str) -> set[str]:
        return {review.title for review in browser.get(f"{url_of(REVIEW)}?{query}").context["cl"].result_list}

    assert found("q=ada@") == {"One"}
    assert found("q=blue-m") == {"One", "Five"}
    assert found(f"q={hidden.pk}") == {"Five"}
    assert found("q=nothing") == set()
    assert found("rating=5") == {"Five"}
    assert found("rating=nine") == {"One", "Five"}
    assert found("is_hidden__exact=1") == {"Five"}
    assert found("is_hidden__exact=0") == {"One"}


def test_a_page_of_the_list_costs_as_much_for_many_as_for_one(browser: Client, reviewed: Callable) -> None:
    reviewed()
    browser.get(url_of(REVIEW))
    counts = []
    for _ in range(2):
        with count_commands() as commands:
            browser.get(url_of(REVIEW))
        counts.append(len(commands))
        for _ in range(4):
            reviewed()
    assert counts[0] == counts[1]


def test_viewing_hiding_and_deleting_need_separate_permissions(
    make_user: Callable[..., User], reviewed: Callable, mug: Product
) -> None:
    review = reviewed()
    looking = browser_of(allow(make_user(), "orders.view_review"))
    assert looking.get(url_of(REVIEW, "change", review.pk)).status_code == 200
    for button in ("hide", "delete"):
        looking.post(url_of(REVIEW, button, review.pk), {"post": "yes"})
    looking.post(url_of(REVIEW), {"action": "hide_selected", "_selected_action": [str(review.pk)]})
    assert shown(mug) == (["Lovely"], 1)
    assert browser_of(allow(make_user())).get(url_of(REVIEW)).status_code == 403

    hiding = browser_of(allow(make_user(), "orders.view_review", "orders.change_review"))
    hiding.post(url_of(REVIEW, "delete", review.pk), {"post": "yes"})
    assert shown(mug) == (["Lovely"], 1)
    press(hiding, "hide", review)
    assert shown(mug) == ([], 0)


def test_what_staff_do_to_reviews_is_noted_and_what_buyers_do_is_not(
    browser: Client, reviewed: Callable, mug: Product
) -> None:
    first, second = reviewed(1, "a"), reviewed(2, "b")
    press(browser, "hide", first)
    press(browser, "hide", first)
    selected = {"action": "show_selected", "_selected_action": [str(first.pk), str(second.pk)]}
    browser.post(url_of(REVIEW), selected)
    browser.post(url_of(REVIEW, "delete", first.pk), {"post": "yes"})
    browser.post(url_of(REVIEW), {**selected, "action": "delete_selected", "post": "yes"})
    rows = StaffAction.objects.filter(model=REVIEW).order_by("pk")
    assert [(row.action, row.object_id, row.fields) for row in rows] == [
        ("change", str(first.pk), ["is_hidden"]),
        ("change", str(first.pk), ["is_hidden"]),
        ("delete", str(first.pk), []),
        ("delete", str(second.pk), []),
    ]


def test_no_one_writes_in_a_buyer_s_name(browser: Client, reviewed: Callable) -> None:
    review = reviewed()
    assert browser.get(url_of(REVIEW, "add")).status_code == 403
    browser.post(url_of(REVIEW, "change", review.pk), {"title": "Changed", "rating": "1", "body": "x"})
    review.refresh_from_db()
    assert (review.title, review.rating) == ("Lovely", 5)
