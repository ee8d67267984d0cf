"""New links to orders that were placed without an account."""

import structlog
from bson import ObjectId
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.mails import salutation
from accounts.models import User
from orders.mails import order_url
from orders.models import Order
from shop import jobs
from shop.api.rate_limits import count_use
from shop.jobs import mails
from shop.jobs.mails import Budget, Mail

logger = structlog.get_logger(__name__)


def request_link(*, number: str, email: str) -> None:
    """A job looks up the order, so that neither reply nor timing reveals whether it exists."""
    send_link_if_known.enqueue(number=number, email=_digest(email))


@jobs.job("orders.find_lost_order", urgent=True)
def send_link_if_known(*, number: str, email: str) -> None:
    order = Order.objects.open_to_tokens().filter(number=number).first()
    if order is None or not constant_time_compare(_digest(order.email), email):
        return
    if count_use("order_lookup_order", str(order.pk)) is not None:
        logger.warning("order_lookup_over_limit", order=order.number)
        return
    link_mail.enqueue(order=str(order.pk))


def _digest(email: str) -> str:
    """Jobs contain no addresses."""
    return salted_hmac("orders.lost_links", email, algorithm="sha256").hexdigest()


@mails.mail("orders.link_mail", urgent=True)
def link_mail(*, order: str) -> Mail | None:
    """An account's orders get a link that needs the account, if the address is still its own."""
    row = Order.objects.open_to_tokens().filter(pk=ObjectId(order)).first()
    if row is None:
        return None
    customer = User.objects.active().filter(pk=row.user_id, email=row.email).first() if row.user_id else None
    if row.user_id and customer is None:
        return None
    return Mail(
        to=row.email,
        verified=customer is not None and customer.email_verified,
        budget=Budget.ORDER_LINK,
        subject=f"The link to order {row.number}",
        template="orders/mails/link",
        context={
            "number": row.number,
            "placed_at": row.created_at,
            "link": order_url(row),
            "has_account": customer is not None,
            "name": salutation(customer) if customer else "",
        },
    )
