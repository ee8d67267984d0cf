"""Review operations; each also updates the product's rating."""

from typing import Any

from bson import ObjectId
from django.db import IntegrityError
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from accounts.services import require_account
from catalog import read_model
from catalog.models import Product
from orders.errors import AlreadyReviewed, NotBought
from orders.models import Order, OrderQuerySet
from orders.reviews.models import Review, ReviewQuerySet
from orders.statuses import PaymentStatus
from shop import jobs
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.batches import first_keys
from shop.db.transactions import transactional


def write_review(*, user: User, product: Product, data: dict[str, Any]) -> Review:
    """Raises ``NotBought``, ``AlreadyReviewed``."""
    try:
        return _write_review(user=user, product=product, data=data)
    except IntegrityError as error:
        raise AlreadyReviewed from error


@transactional("orders.write_review")
def _write_review(*, user: User, product: Product, data: dict[str, Any]) -> Review:
    require_account(user)
    order = _latest(_purchases(user, product.pk).exclude(payment_status=PaymentStatus.DISPUTED))
    if order is None:
        raise NotBought
    # Conflicts with a concurrent refund, whose retry finds this review.
    Order.objects.filter(pk=order).update(reviews_written=F("reviews_written") + 1)
    review = Review(user=user, product=product, order=order, **data)
    review.save(force_insert=True)
    read_model.add_to_rating(product.pk, reviews=1, stars=review.rating)
    return review


def _purchases(user: User | ObjectId, product_id: ObjectId) -> OrderQuerySet:
    return Order.objects.owned_by(user).valid_purchases().filter(lines__product=product_id)


def _latest(orders: OrderQuerySet) -> ObjectId | None:
    return orders.order_by("-id").values_list("pk", flat=True).first()


@transactional("orders.change_review")
def change_review(*, review: Review, data: dict[str, Any]) -> Review:
    """Raises ``DoesNotExist`` if the review was deleted."""
    review = Review.objects.get(pk=review.pk)
    stars_before = review.rating
    for name, value in data.items():
        setattr(review, name, value)
    review.updated_at = timezone.now()
    review.save(update_fields=[*data, "updated_at"])
    if review.is_shown and review.rating != stars_before:
        read_model.add_to_rating(review.product_id, reviews=0, stars=review.rating - stars_before)
    return review


@transactional("orders.delete_review")
def delete_review(*, review: Review) -> None:
    current = Review.objects.filter(pk=review.pk).first()
    if current is None:
        return
    current.delete()
    if current.is_shown:
        read_model.add_to_rating(current.product_id, reviews=-1, stars=-current.rating)


@transactional("orders.hide_review")
def set_hidden(*, review: Review, is_hidden: bool) -> None:
    current = Review.objects.filter(pk=review.pk, is_hidden=not is_hidden).first()
    if current is None:
        return
    Review.objects.filter(pk=current.pk).update(is_hidden=is_hidden)
    staff_log.record(Action.CHANGE, current, fields=["is_hidden"])
    if current.is_withdrawn:
        return
    sign = -1 if is_hidden else 1
    read_model.add_to_rating(current.product_id, reviews=sign, stars=sign * current.rating)


def anonymize_reviews(*, user: User, limit: int) -> bool:
    """Delete or detach at most ``limit`` reviews; return whether there are more."""
    reviews, is_more = first_keys(Review.objects.owned_by(user), limit=limit)
    own = Review.objects.filter(pk__in=reviews)
    own.filter(Q(is_hidden=True) | Q(is_withdrawn=True)).delete()
    own.update(user=None)
    return is_more


# --- Cancelled and refunded purchases ---------------------------------------------------------------------------------


def check_reviews_later(order: Order) -> None:
    """Enqueue a check, in the transaction that changes ``counts_as_sale``."""
    reviews = _reviews_after(order)
    if reviews.exists():
        check_reviews.enqueue(at_once=True, order=str(order.pk))


def _reviews_after(order: Order) -> ReviewQuerySet:
    """Return reviews that may have gained or lost their purchase."""
    if order.user_id is None:
        return Review.objects.filter(order=order.pk)
    own = Q(user=order.user_id, product__in={line.product for line in order.lines})
    # While an account is being deleted, its reviews are detached before its orders.
    return Review.objects.filter(own | Q(order=order.pk))


@jobs.job("orders.check_reviews", in_transaction=True)
def check_reviews(*, order: str) -> None:
    """Withdraw reviews without a purchase; show those that have one again."""
    changed = Order.objects.get(pk=order)
    for review in _reviews_after(changed):
        purchase = _purchase_of(review)
        is_withdrawn = purchase is None
        Review.objects.filter(pk=review.pk).update(
            is_withdrawn=is_withdrawn, order=purchase or review.order, purchase_checks=F("purchase_checks") + 1
        )
        if is_withdrawn != review.is_withdrawn and not review.is_hidden:
            sign = -1 if is_withdrawn else 1
            read_model.add_to_rating(review.product_id, reviews=sign, stars=sign * review.rating)


def _purchase_of(review: Review) -> ObjectId | None:
    if review.user_id is not None:
        return _latest(_purchases(review.user_id, review.product_id))
    # The account is deleted, so other purchases are unknown.
    return _latest(Order.objects.valid_purchases().filter(pk=review.order)) if review.order else None
