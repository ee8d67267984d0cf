from datetime import timedelta
from typing import Any, NamedTuple

from bson import ObjectId
from django.conf import settings
from django_countries import countries

from accounts.mails import salutation
from accounts.models import User
from accounts.postal import postal_lines
from orders import summary
from orders.models import Order
from orders.statuses import Actor, Event, OrderStatus, PaymentStatus
from shop import money
from shop.jobs import mails
from shop.jobs.mails import Budget, Mail


class _News(NamedTuple):
    subject: str
    template: str
    budget: Budget


NEWS = {
    Event.PLACED: _News("We have received your order {}", "placed", Budget.ORDER),
    Event.PAYMENT_FAILED: _News("The payment for your order {} failed", "payment_failed", Budget.ORDER),
    Event.PAID: _News("Your order {} is paid", "paid", Budget.SALE),
    Event.SHIPPED: _News("Your order {} is on its way", "shipped", Budget.SALE),
    Event.CANCELLED: _News("Your order {} is cancelled", "cancelled", Budget.ORDER),
    Event.EXPIRED: _News("Your order {} is cancelled", "cancelled", Budget.ORDER),
    Event.REFUNDED: _News("A refund for your order {}", "refunded", Budget.SALE),
}


# Most customers pay or retry within minutes.
PATIENCE = timedelta(minutes=3)


def notify_customer(order: Order, event: Event, **about: str) -> None:
    """Enqueue a mail, in a transaction. Payment reminders are delayed, and sent only if still accurate."""
    delay = None
    if order.total and event in (Event.PLACED, Event.PAYMENT_FAILED):
        delay = min(PATIENCE, timedelta(seconds=min(settings.UNPAID_HOLD_SECONDS, settings.ORDER_HOLD_SECONDS)) / 2)
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
        entry = next(entry for entry in row.refunds if entry.refund == ObjectId(refund))
        if entry.status != "succeeded":
            # It has failed since.
            return None
        context["refund"] = money.display(entry.amount, row.currency)
    news = NEWS[Event(event)]
    return Mail(
        to=customer.email,
        verified=customer.email_verified,
        budget=news.budget,
        subject=news.subject.format(row.number),
        template=f"orders/mails/{news.template}",
        context={**context, "name": salutation(customer)},
    )


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
    got_money = order.payment_status in (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)
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
        "link": mails.storefront(f"orders/{order.number}"),
        "pay_until": None if order.payment_status == PaymentStatus.PROCESSING else order.expires_at,
        "is_processing": order.payment_status == PaymentStatus.PROCESSING,
        "reason": _reason(order),
        "money_goes_back": bool(got_money and order.total),
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
