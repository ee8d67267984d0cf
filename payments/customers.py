"""Stripe Customers of accounts, which keep their saved cards."""

import structlog
from bson import ObjectId
from django.conf import settings
from django.db import IntegrityError

from accounts.models import User
from accounts.services import require_account
from payments import gateway
from payments.errors import StripeForbidden, StripeIdempotentFailure, StripeRefused, StripeUnavailable
from payments.models import Payment, StripeCustomer
from shop import jobs
from shop.db.transactions import transactional
from shop.logs import describe_error

logger = structlog.get_logger(__name__)


def get_customer_id(*, user: User) -> str:
    """Return the id of the account's Customer, created at first; "" if Stripe refuses to create one.

    Raises ``StripeUnavailable``: without the Customer a retry would send other parameters with the same key.
    """
    if not settings.STRIPE_SAVED_CARDS:
        return ""
    row = StripeCustomer.objects.filter(user=user).first() or _create_row(user)
    if row.customer:
        if row.email != user.email:
            update_customer.enqueue(unless_queued=True, row=str(row.pk))
        return row.customer
    try:
        customer: str = _create(row)
    except (StripeRefused, StripeForbidden) as error:
        logger.warning("stripe_customer_not_created", user=str(user.pk), error=describe_error(error))
        return ""
    except StripeIdempotentFailure:
        # The next attempt needs another key.
        row.delete()
        raise
    if not StripeCustomer.objects.filter(pk=row.pk).update(customer=customer):
        # The account was deleted concurrently.
        delete_customer.enqueue(row=str(row.pk), user=str(user.pk), email=row.email, customer=customer)
    return customer


def open_session(payment: Payment) -> str:
    """Return the client secret of a CustomerSession, valid for 30 minutes, or "".

    The payment works without it. A guest's token must not open the cards of the account that has claimed the order.
    """
    if not settings.STRIPE_SAVED_CARDS or payment.user_id is None or payment.by_guest:
        return ""
    row = StripeCustomer.objects.filter(user=payment.user_id).first()
    if row is None or not row.customer:
        return ""
    try:
        return gateway.create_customer_session(customer=row.customer)
    except (StripeRefused, StripeUnavailable) as error:
        logger.warning("stripe_customer_session_not_created", payment=str(payment.pk), error=describe_error(error))
        return ""


def forget_customer(customer: str) -> None:
    """Forget a Customer that Stripe does not know: deleted in its dashboard, or of another Stripe account."""
    StripeCustomer.objects.filter(customer=customer).delete()


def on_deletion(*, user: User) -> None:
    """Delete the Customer with its saved cards. Call it in the transaction that deletes the account."""
    if row := StripeCustomer.objects.filter(user=user).first():
        delete_customer.enqueue(row=str(row.pk), user=str(user.pk), email=row.email, customer=row.customer)
        row.delete()


@jobs.job("payments.update_customer")
def update_customer(*, row: str) -> None:
    known = StripeCustomer.objects.filter(pk=row).select_related("user").first()
    if known is None:
        return
    email = known.user.email
    try:
        gateway.update_customer(known.customer, email=email)
    except (StripeRefused, StripeForbidden) as error:
        logger.warning("stripe_customer_not_updated", customer=known.customer, error=describe_error(error))
    StripeCustomer.objects.filter(pk=row).update(email=email)


@jobs.job("payments.delete_customer")
def delete_customer(*, row: str, user: str, email: str, customer: str) -> None:
    """Without an id, creation is repeated with its idempotency key, because its response may have been lost."""
    deleted = StripeCustomer(pk=ObjectId(row), user_id=ObjectId(user), email=email)
    try:
        gateway.delete_customer(customer or _create(deleted))
    except (StripeRefused, StripeForbidden) as error:
        logger.warning("stripe_customer_not_deleted", customer=customer, error=describe_error(error))


def _create_row(user: User) -> StripeCustomer:
    try:
        return _insert_row(user)
    except IntegrityError:
        return StripeCustomer.objects.get(user=user)


@transactional("payments.create_customer")
def _insert_row(user: User) -> StripeCustomer:
    require_account(user)
    return StripeCustomer.objects.create(user=user, email=user.email)


def _create(row: StripeCustomer) -> str:
    metadata = {"user": str(row.user_id)}
    return gateway.create_customer(email=row.email, metadata=metadata, key=f"stripecustomer-{row.pk}")
