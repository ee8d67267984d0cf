"""The verbs of a review. Each moves the product's rating in the same transaction, so that it is that of its reviews."""

from typing import Any

from bson import ObjectId
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from accounts.services import require_account
from catalog import read_model
from catalog.models import Product
from orders.errors import AlreadyReviewed, NotBought
from orders.models import Order, OrderStatus, PaymentStatus
from orders.reviews.models import Review
from shop import staff_log
from shop.staff_log import Action
from shop.transactions import transactional


def write_review(*, user: User, product: Product, data: dict[str, Any]) -> Review:
    """Write the user's one review of a product; ``data`` holds rating, title and body.

    Raises :class:`NotBought`, :class:`AlreadyReviewed`.
    """
    try:
        return _write_review(user=user, product=product, data=data)
    except IntegrityError as error:
        raise AlreadyReviewed from error


@transactional("orders.write_review")
def _write_review(*, user: User, product: Product, data: dict[str, Any]) -> Review:
    require_account(user)
    if not has_bought(user=user, product_id=product.pk):
        raise NotBought
    review = Review(user=user, product=product, **data)
    review.save(force_insert=True)
    read_model.add_to_rating(product.pk, reviews=1, stars=review.rating)
    return review


def has_bought(*, user: User, product_id: ObjectId) -> bool:
    """Whether the user paid for the product in an order that was neither cancelled nor wholly refunded since."""
    paid = Order.objects.owned_by(user).filter(
        status=OrderStatus.COMPLETED, payment_status__in=[PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED]
    )
    return paid.filter(lines__product=product_id).exists()


@transactional("orders.change_review")
def change_review(*, review: Review, data: dict[str, Any]) -> Review:
    """Change what ``data`` names of rating, title and body. Raises ``DoesNotExist`` where it was deleted."""
    review = Review.objects.get(pk=review.pk)
    stars_before = review.rating
    for name, value in data.items():
        setattr(review, name, value)
    review.updated_at = timezone.now()
    review.save(update_fields=[*data, "updated_at"])
    if not review.is_hidden and review.rating != stars_before:
        read_model.add_to_rating(review.product_id, reviews=0, stars=review.rating - stars_before)
    return review


@transactional("orders.delete_review")
def delete_review(*, review: Review) -> None:
    """Delete a review; one that somebody has deleted already is fine."""
    current = Review.objects.filter(pk=review.pk).first()
    if current is None:
        return
    current.delete()
    if not current.is_hidden:
        read_model.add_to_rating(current.product_id, reviews=-1, stars=-current.rating)


@transactional("orders.hide_review")
def set_hidden(*, review: Review, is_hidden: bool) -> None:
    """Staff: hide a review from shoppers, or show it again; the rating follows."""
    current = Review.objects.filter(pk=review.pk, is_hidden=not is_hidden).first()
    if current is None:
        return
    Review.objects.filter(pk=current.pk).update(is_hidden=is_hidden)
    staff_log.note(Action.CHANGE, current, fields=["is_hidden"])
    sign = -1 if is_hidden else 1
    read_model.add_to_rating(current.product_id, reviews=sign, stars=sign * current.rating)


def forget_reviewer(*, user: User) -> None:
    """Keep what a person who leaves said of products, without the person; what nobody was shown goes with them.

    Inside the transaction that deletes the account.
    """
    own = Review.objects.owned_by(user)
    own.filter(is_hidden=True).delete()
    own.update(user=None)
