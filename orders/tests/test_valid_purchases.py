"""Cancelled and fully refunded orders count neither as sales nor for reviews."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from rest_framework.test import APIClient

from catalog.models import Product
from orders import services as orders
from orders import statistics
from orders.events import Actor, Event
from orders.models import Order
from orders.reviews import services as reviews
from orders.reviews.models import Review
from payments.models import Payment
from shop import audit, days, jobs
from shop.db.transactions import transactional
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.refunds import opened_dispute
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, place_order, run_concurrently
from shop.dev.testing.stripe_steps import deliver, pay
from shop.jobs import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", price="10.00", stock=100)


@pytest.fixture
def buy(as_customer: APIClient, mug: Product, simulator: StripeSimulator) -> Callable[..., str]:
    """Buy and pay for mugs; return the order's number."""

    def bought(quantity: int = 1) -> str:
        number = place_order(as_customer, mug, quantity)["number"]
        pay(as_customer, simulator, number)
        work()
        return number

    return bought


def work() -> None:
    while jobs.run_due():
        pass


def sales_of(product: Product) -> int:
    """The product's sales once all jobs are done, when the audit must have no violations."""
    work()
    assert audit.violations() == []
    return Product.objects.get(pk=product.pk).sales


def cancel(client: APIClient, number: str) -> None:
    reply = client.post(f"{API}/orders/{number}/cancel/", {})
    assert reply.status_code == 200, reply.content


def refund(staff: APIClient, simulator: StripeSimulator, number: str, **body: Any) -> None:
    payment = Payment.objects.get(order_number=number)
    reply = staff.post(f"{API}/payments/{payment.pk}/refunds/", body)
    assert reply.status_code == 201, reply.content
    work()
    deliver(simulator)
    work()


def write_review(client: APIClient, product: Product, rating: int = 1) -> Any:
    return client.post(f"{API}/products/{product.pk}/reviews/", {"rating": rating, "title": "Bad"})


def rating_of(product: Product) -> dict[str, Any]:
    return APIClient().get(f"{API}/products/{product.pk}/").json()["rating"]


def shown_reviews(product: Product) -> int:
    return APIClient().get(f"{API}/products/{product.pk}/reviews/").json()["count"]


# --- Sales ------------------------------------------------------------------------------------------------------------


def test_a_cancelled_order_takes_its_sales_back_once(
    as_customer: APIClient, as_staff: APIClient, buy: Callable[..., str], mug: Product, simulator: StripeSimulator
) -> None:
    kept, cancelled = buy(2), buy(3)
    assert sales_of(mug) == 5
    cancel(as_customer, cancelled)
    work()
    # Its refund is delivered several times and changes nothing again.
    deliver(simulator)
    deliver(simulator)
    assert sales_of(mug) == 2
    assert [
        (row.product, row.pieces) for row in statistics.best_sellers(first=days.today(), last=days.today(), limit=5)
    ] == [(mug.pk, 2)]
    assert [order.number for order in Order.objects.valid_purchases()] == [kept]


def test_a_full_refund_takes_the_sales_back_and_a_partial_one_does_not(
    as_staff: APIClient, buy: Callable[..., str], mug: Product, simulator: StripeSimulator
) -> None:
    number = buy(3)
    refund(as_staff, simulator, number, amount="10.00")
    assert sales_of(mug) == 3
    refund(as_staff, simulator, number)
    assert Order.objects.get().payment_status == "refunded"
    assert sales_of(mug) == 0
    # Cancelled as well, which changes nothing again.
    orders.cancel_order(order=Order.objects.get(), actor=Actor.STAFF)
    assert sales_of(mug) == 0


def test_an_order_that_costs_nothing_is_a_sale_at_once(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    sticker = make_product("Sticker", price="0.00", stock=9)
    cancelled = place_order(as_customer, sticker, 2)["number"]
    place_order(as_customer, sticker, 3)
    assert sales_of(sticker) == 5
    cancel(as_customer, cancelled)
    assert sales_of(sticker) == 3


def test_an_order_that_was_never_paid_takes_nothing_back(as_customer: APIClient, mug: Product) -> None:
    cancel(as_customer, place_order(as_customer, mug, 4)["number"])
    assert sales_of(mug) == 0


def test_a_refund_that_fails_after_all_brings_sales_and_review_back(
    as_customer: APIClient, as_staff: APIClient, buy: Callable[..., str], mug: Product, simulator: StripeSimulator
) -> None:
    number = buy(2)
    assert write_review(as_customer, mug).status_code == 201
    refund(as_staff, simulator, number)
    assert (sales_of(mug), shown_reviews(mug)) == (0, 0)
    order = Order.objects.get(number=number)
    entry = order.refunds[0]
    orders.record_refund(
        order_id=order.pk, refund=entry.refund, amount=entry.amount, status="failed", actor=Actor.STAFF
    )
    work()
    assert (Product.objects.get().sales, shown_reviews(mug)) == (2, 1)


def test_ten_cancels_and_a_refund_at_once_take_the_sales_back_once(
    as_customer: APIClient, buy: Callable[..., str], mug: Product
) -> None:
    buy(1)
    number = buy(3)
    url = f"{API}/orders/{number}/cancel/"
    replies = run_concurrently(*[lambda: as_customer.post(url, {}).status_code] * 10)
    assert replies.count(200) == 1
    assert sales_of(mug) == 1


# --- Reviews ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["cancel", "refund"])
def test_the_review_of_a_cancelled_or_refunded_purchase_is_withdrawn_until_a_new_one(
    as_customer: APIClient,
    as_staff: APIClient,
    buy: Callable[..., str],
    mug: Product,
    simulator: StripeSimulator,
    way: str,
) -> None:
    number = buy()
    assert write_review(as_customer, mug).status_code == 201
    assert (rating_of(mug), shown_reviews(mug)) == ({"average": 1.0, "count": 1}, 1)
    if way == "cancel":
        cancel(as_customer, number)
    else:
        refund(as_staff, simulator, number)
    work()
    deliver(simulator)

    assert sales_of(mug) == 0
    assert (rating_of(mug), shown_reviews(mug)) == ({"average": None, "count": 0}, 0)
    own = as_customer.get(f"{API}/products/{mug.pk}/reviews/?mine=true").json()["results"]
    assert [(review["is_withdrawn"], review["is_hidden"]) for review in own] == [(True, False)]
    # Neither changing it nor what staff do shows it.
    review = Review.objects.get()
    as_customer.patch(f"{API}/products/{mug.pk}/reviews/{review.pk}/", {"rating": 2})
    for is_hidden in (True, False):
        reviews.set_hidden(review=review, is_hidden=is_hidden)
        assert (rating_of(mug), shown_reviews(mug)) == ({"average": None, "count": 0}, 0)

    buy()
    assert sales_of(mug) == 1
    assert (rating_of(mug), shown_reviews(mug)) == ({"average": 2.0, "count": 1}, 1)


def test_a_review_stays_with_another_valid_purchase_and_after_a_partial_refund(
    as_customer: APIClient, as_staff: APIClient, buy: Callable[..., str], mug: Product, simulator: StripeSimulator
) -> None:
    first, second = buy(), buy(2)
    assert write_review(as_customer, mug).status_code == 201
    cancel(as_customer, first)
    refund(as_staff, simulator, second, amount="1.00")
    assert (sales_of(mug), shown_reviews(mug)) == (2, 1)


@pytest.mark.parametrize("way", ["another purchase before", "another purchase after"])
def test_a_review_that_another_purchase_keeps_stays_when_its_author_leaves(
    as_customer: APIClient,
    as_staff: APIClient,
    buy: Callable[..., str],
    mug: Product,
    simulator: StripeSimulator,
    way: str,
) -> None:
    kept = buy() if way == "another purchase before" else ""
    cancelled = buy()
    assert write_review(as_customer, mug).status_code == 201
    cancel(as_customer, cancelled)
    work()
    kept = kept or buy()
    assert (sales_of(mug), shown_reviews(mug)) == (1, 1)
    assert as_customer.delete(f"{API}/users/me/").status_code == 204
    assert (sales_of(mug), shown_reviews(mug)) == (1, 1)
    refund(as_staff, simulator, kept)
    assert (sales_of(mug), shown_reviews(mug)) == (0, 0)


def test_customers_without_a_valid_purchase_cannot_write_a_review(
    as_customer: APIClient, buy: Callable[..., str], mug: Product
) -> None:
    cancel(as_customer, buy())
    assert refusal(write_review(as_customer, mug), 409)[0] == "not_bought"


def test_the_review_of_someone_who_left_is_withdrawn_with_its_purchase(
    as_customer: APIClient, as_staff: APIClient, buy: Callable[..., str], mug: Product, simulator: StripeSimulator
) -> None:
    number = buy()
    assert write_review(as_customer, mug).status_code == 201
    Review.objects.update(user=None)
    Order.objects.update(user=None)
    refund(as_staff, simulator, number)
    assert (sales_of(mug), shown_reviews(mug)) == (0, 0)


def test_a_review_written_while_its_order_is_cancelled_is_not_shown(
    as_customer: APIClient, buy: Callable[..., str], mug: Product
) -> None:
    for _ in range(5):
        Review.objects.all().delete()
        Product.objects.update(rating_count=0, rating_sum=0, rating_average=None)
        number = buy()
        run_concurrently(
            lambda: write_review(as_customer, mug).status_code,
            lambda n=number: as_customer.post(f"{API}/orders/{n}/cancel/", {}).status_code,
        )
        assert (sales_of(mug), shown_reviews(mug)) == (0, 0)


def test_a_check_that_saw_an_older_state_does_not_undo_a_later_one(
    as_customer: APIClient, buy: Callable[..., str], mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy()
    assert write_review(as_customer, mug).status_code == 201
    order, purchase_of, seen = Order.objects.get(), reviews._purchase_of, []

    @transactional("test.check_reviews")
    def check() -> None:
        reviews.check_reviews(order=str(order.pk))

    def the_refund_fails() -> None:
        Order.objects.update(counts_as_sale=True)
        check()

    def look(review: Review) -> Any:
        found = purchase_of(review)
        seen.append(found)
        if len(seen) == 1:
            run_concurrently(the_refund_fails)
        return found

    Order.objects.update(counts_as_sale=False)
    monkeypatch.setattr(reviews, "_purchase_of", look)
    check()
    assert seen == [None, order.pk, order.pk]
    assert not Review.objects.get().is_withdrawn


# --- What was there before --------------------------------------------------------------------------------------------


def test_the_migration_takes_back_what_was_counted_before_and_can_be_run_again(
    as_customer: APIClient, as_staff: APIClient, buy: Callable[..., str], mug: Product, simulator: StripeSimulator
) -> None:
    buy(2)
    cancel(as_customer, buy(3))
    refund(as_staff, simulator, disputed := buy(4))
    orders.record_dispute(
        order_id=Order.objects.get(number=disputed).pk, event=Event.DISPUTED, dispute=opened_dispute("dp_1")
    )
    work()
    assert write_review(as_customer, mug).status_code == 201
    Review.objects.update(order=None)
    Order.objects.update(counts_as_sale=False)
    Product.objects.update(sales=9)
    migration = importlib.import_module("orders.migrations.0005_standing_purchases")
    for _ in range(2):
        migration.count_standing_orders(apps)
        migration.check_reviews_later(apps)
    assert Job.objects.filter(kind="orders.check_reviews").count() == 4
    assert (sales_of(mug), shown_reviews(mug)) == (2, 1)
