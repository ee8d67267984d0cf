"""Stripe Customers of accounts, which keep their saved cards."""

from datetime import timedelta

import structlog
from bson import ObjectId
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from accounts.services import require_account
from payments import gateway
from payments.errors import StripeForbidden, StripeIdempotentFailure, StripeRefused, StripeUnavailable
from payments.models import Payment, StripeCustomer
from shop import jobs
from shop.db.transactions import transactional
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# A CustomerSession lasts 30 minutes.
RENEWED_BEFORE = timedelta(minutes=10)


def get_customer_id(*, user: User) -> str:
    """Return the id of the account's Customer, created at first; "" if Stripe refuses to create one.

    Raises ``StripeUnavailable``: Stripe refuses a retry with the same key that includes the Customer later.
    """
    if not settings.STRIPE_SAVED_CARDS:
        return ""
    row = StripeCustomer.objects.filter(user=user).first() or _create_row(user)
    if row.customer:
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
        delete_customer.enqueue(row=str(row.pk), user=str(user.pk), customer=customer)
    return customer


def open_session(payment: Payment) -> None:
    """Store a CustomerSession's client secret on the payment; if Stripe fails, the payment goes on without it.

    Repeated requests get the same secret. A guest's token must not open the cards of the account that has claimed the
    order.
    """
    if not settings.STRIPE_SAVED_CARDS or payment.user_id is None or payment.by_guest:
        return
    if payment.customer_session_until and payment.customer_session_until > timezone.now() + RENEWED_BEFORE:
        return
    row = StripeCustomer.objects.filter(user=payment.user_id).first()
    if row is None or not row.customer:
        return
    try:
        session = gateway.create_customer_session(customer=row.customer)
    except (StripeRefused, StripeUnavailable) as error:
        logger.warning("stripe_customer_session_not_created", payment=str(payment.pk), error=describe_error(error))
        return
    payment.customer_session, payment.customer_session_until = session
    fields = {"customer_session": payment.customer_session, "customer_session_until": payment.customer_session_until}
    Payment.objects.filter(pk=payment.pk, user=payment.user_id).update(**fields)


def forget_customer(customer: str) -> None:
    """Forget a Customer that Stripe does not know: deleted in its dashboard, or of another Stripe account."""
    StripeCustomer.objects.filter(customer=customer).delete()


def on_deletion(*, user: User) -> None:
    """Delete the Customer with its saved cards. Call it in the transaction that deletes the account."""
    if row := StripeCustomer.objects.filter(user=user).first():
        delete_customer.enqueue(row=str(row.pk), user=str(user.pk), customer=row.customer)
        row.delete()


@jobs.job("payments.delete_customer")
def delete_customer(*, row: str, user: str, customer: str) -> None:
    """Without an id, repeat the creation: with its idempotency key Stripe returns the one whose response was lost."""
    deleted = StripeCustomer(pk=ObjectId(row), user_id=ObjectId(user))
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
    return StripeCustomer.objects.create(user=user)


def _create(row: StripeCustomer) -> str:
    return gateway.create_customer(metadata={"user": str(row.user_id)}, key=f"stripecustomer-{row.pk}")
