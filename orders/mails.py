from datetime import timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from django_countries import countries

from accounts.mails import salutation
from accounts.models import User
from accounts.postal import postal_lines
from orders import summary
from orders.lifecycle import AFTER_PAYMENT, TRANSITIONS, Actor, CustomerMail, Event, OrderStatus, PaymentStatus
from orders.models import Order
from shop import money
from shop.jobs import mails
from shop.jobs.mails import Mail

# Most customers pay or retry within minutes.
PATIENCE = timedelta(minutes=3)


def notify_customer(order: Order, event: Event, *, refund: ObjectId | None = None) -> None:
    """Enqueue the event's mail, in a transaction."""
    delay = None
    if order.total and _customer_mail(event).asks_for_payment:
        delay = min(PATIENCE, timedelta(seconds=min(settings.UNPAID_HOLD_SECONDS, settings.ORDER_HOLD_SECONDS)) / 2)
    about = {"refund": str(refund)} if refund else {}
    if event == Event.PAYMENT_FAILED:
        about["failures"] = str(_failures(order))
    order_mail.enqueue(delay=delay, order=str(order.pk), event=event.value, **about)


def notify_staff(order: Order) -> None:
    for address in settings.ORDER_NOTICE_EMAILS:
        staff_mail.enqueue(order=str(order.pk), address=address)


@mails.mail("orders.staff_mail")
def staff_mail(*, order: str, address: str) -> Mail | None:
    row = Order.objects.filter(pk=ObjectId(order)).first()
    if row is None or address not in settings.ORDER_NOTICE_EMAILS:
        return None
    context = _context(row, verified=False)
    return Mail(
        to=address,
        verified=True,
        budget=None,
        subject=f"New order {row.number}",
        template="orders/mails/new_order",
        context={**context, "country": _country(row)},
    )


@mails.mail("orders.mail")
def order_mail(*, order: str, event: str, refund: str = "", failures: str = "") -> Mail | None:
    """Return None for a deleted customer or an outdated mail."""
    row = Order.objects.filter(pk=ObjectId(order)).first()
    customer = User.objects.filter(pk=row.user_id).first() if row and row.user_id else None
    if row is None or customer is None or not _is_wanted(row, Event(event), failures):
        return None
    context = _context(row, verified=customer.email_verified)
    if refund:
        succeeded = {entry.refund: entry for entry in row.refunds if entry.status == "succeeded"}
        if (entry := succeeded.get(ObjectId(refund))) is None:
            # It has failed since.
            return None
        context["refund"] = money.display(entry.amount, row.currency)
    mail = _customer_mail(event)
    return Mail(
        to=customer.email,
        verified=customer.email_verified,
        budget=mail.budget,
        subject=mail.subject.format(row.number),
        template=f"orders/mails/{mail.template}",
        context={**context, "name": salutation(customer)},
    )


def _customer_mail(event: str) -> CustomerMail:
    mail = TRANSITIONS[event].customer_mail
    if mail is None:
        raise LookupError(f"{event} has no mail")
    return mail


def _country(order: Order) -> str:
    code = order.shipping_address.country if order.shipping_address else ""
    return countries.name(code) or code


def _is_wanted(order: Order, event: Event, failures: str) -> bool:
    if event == Event.PAYMENT_FAILED:
        # A later failure gets its own mail.
        is_last = failures == str(_failures(order))
        return is_last and order.payment_status == PaymentStatus.FAILED and order.is_payable and not order.is_expired
    if event == Event.PLACED and order.total:
        open_ones = (PaymentStatus.UNPAID, PaymentStatus.PROCESSING)
        return order.is_payable and order.payment_status in open_ones and not order.is_expired
    return True


def _failures(order: Order) -> int:
    return sum(entry.event == Event.PAYMENT_FAILED for entry in order.timeline)


def _context(order: Order, *, verified: bool) -> dict[str, Any]:
    """Return plain values, without typed text unless ``verified``: the mailbox may be another person's."""
    return {
        "number": order.number,
        "placed_at": order.created_at,
        "carrier": order.carrier,
        "tracking_number": order.tracking_number,
        "lines": summary.lines(order),
        "totals": summary.totals(order, summary.shipping_method_name(order)),
        "total": money.display(order.total, order.currency),
        "currency": order.currency.upper(),
        "address": _address(order) if verified and order.status != OrderStatus.CANCELLED else [],
        "link": mails.storefront_url(f"orders/{order.number}"),
        "pay_until": None if order.payment_status == PaymentStatus.PROCESSING else order.expires_at,
        "is_processing": order.payment_status == PaymentStatus.PROCESSING,
        "reason": _reason(order),
        "money_goes_back": bool(order.payment_status in AFTER_PAYMENT and order.total),
    }


def _reason(order: Order) -> str:
    """Return the cancellation reason on one line; never a customer's, which is typed text."""
    reasons = [
        entry.detail
        for entry in order.timeline
        if entry.event in (Event.CANCELLED, Event.EXPIRED) and entry.actor in (Actor.STAFF, Actor.SYSTEM)
    ]
    return " ".join(" ".join(reasons).split())


def _address(order: Order) -> list[str]:
    return postal_lines(order.shipping_address) if order.shipping_address else []
