"""A guest's order is given to the account that has verified its e-mail address.

Anyone can order with another's address, so claimed orders do not count in the account's limits on unpaid orders and
failed payments.

A job follows each verification and each guest's order. Whichever of the two commits last, its job sees the other.
"""

from bson import ObjectId
from django.utils import timezone

from accounts.models import User
from cart.promotions import uses
from orders import hooks
from orders.changes import record_updates
from orders.models import Order
from orders.reviews.services import check_reviews_later
from shop import jobs
from shop.db.batches import first_keys
from shop.jobs import Job

ORDERS_AT_ONCE = 100


def claim_later(*, user: User) -> None:
    """Call it in the transaction that verifies the address."""
    claim.enqueue(at_once=True, user=str(user.pk))


def claim_job(order: Order) -> Job:
    """Return an unsaved job for a guest's new order."""
    return claim_placed.job({"order": str(order.pk)})


@jobs.job("orders.claim_placed", in_transaction=True)
def claim_placed(*, order: str) -> None:
    """Claim the order if its address is an account's."""
    placed = Order.objects.of_guests().filter(pk=order).first()
    account = User.objects.active().filter(email=placed.email, email_verified=True).first() if placed else None
    if placed is not None and account is not None and _keep_verified(account):
        _give(account, [placed.pk])


@jobs.job("orders.claim", in_transaction=True)
def claim(*, user: str) -> None:
    account = User.objects.active().filter(pk=user, email_verified=True).first()
    if account is None or not _keep_verified(account):
        return
    keys, is_more = first_keys(Order.objects.of_guests().filter(email=account.email), limit=ORDERS_AT_ONCE)
    _give(account, keys)
    if is_more:
        raise jobs.Continue(user=user)


def _keep_verified(account: User) -> bool:
    """Write to the account, so that a concurrent deletion or change of the address conflicts."""
    as_read = User.objects.active().filter(pk=account.pk, email=account.email, email_verified=True)
    return bool(as_read.bump_revision())


def _give(account: User, keys: list[ObjectId]) -> None:
    Order.objects.filter(pk__in=keys).update(user=account, claimed_at=timezone.now())
    orders = list(Order.objects.filter(pk__in=keys))
    record_updates(*orders)
    uses.attach(user=account, order_numbers=[order.number for order in orders])
    hooks.on_claimed(orders=orders, user=account)
    for order in orders:
        if order.counts_as_sale:
            # A review that lost its purchase may have this one.
            check_reviews_later(order)
