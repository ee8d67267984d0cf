"""The mails about an order. What was bought is frozen; what has become of it is as it is when they are sent."""

from typing import Any, NamedTuple

from bson import ObjectId

from accounts.mails import salutation
from accounts.models import User
from accounts.postal import postal_lines
from orders import summary
from orders.models import Actor, Event, Order, OrderStatus, PaymentStatus
from shop import mails, money
from shop.mails import Budget, Mail


class _News(NamedTuple):
    subject: str
    template: str
    budget: Budget


NEWS = {
    Event.PLACED: _News("We have received your order {}", "placed", Budget.ORDER),
    Event.PAID: _News("Your order {} is paid", "paid", Budget.SALE),
    Event.SHIPPED: _News("Your order {} is on its way", "shipped", Budget.SALE),
    Event.CANCELLED: _News("Your order {} is cancelled", "cancelled", Budget.ORDER),
    Event.EXPIRED: _News("Your order {} is cancelled", "cancelled", Budget.ORDER),
    Event.REFUNDED: _News("A refund for your order {}", "refunded", Budget.SALE),
}


def tell_customer(order: Order, event: Event, **about: str) -> None:
    """Inside the transaction that moves an order: let its customer hear of it. A refund is named by its id."""
    mails.send_later("orders.mail", order=str(order.pk), event=event.value, **about)


@mails.writer("orders.mail")
def write(*, order: str, event: str, refund: str = "") -> Mail | None:
    """Write to the customer, an inactive one too: a sale goes on. Those who have left are left alone."""
    row = Order.objects.filter(pk=ObjectId(order)).first()
    customer = User.objects.filter(pk=row.user_id).first() if row and row.user_id else None
    if row is None or customer is None:
        return None
    context = _context(row, verified=customer.email_verified)
    if refund:
        entry = next(entry for entry in row.refunds if entry.refund == ObjectId(refund))
        if entry.status != "succeeded":
            # The money came back since.
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


def _context(order: Order, *, verified: bool) -> dict[str, Any]:
    """Return the values that the templates show of an order, and no model that has more.

    Until the address is ``verified`` the mailbox may be a stranger's: nothing that the customer typed is among them.
    """
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
        "pay_until": order.expires_at,
        "reason": _reason(order),
        "money_goes_back": bool(got_money and order.total),
    }


def _reason(order: Order) -> str:
    """Return why staff or the shop cancelled the order, in one line; a customer's own reason is never mailed back."""
    reasons = [
        entry.detail
        for entry in order.timeline
        if entry.event in (Event.CANCELLED, Event.EXPIRED) and entry.actor in (Actor.STAFF, Actor.SYSTEM)
    ]
    return " ".join(" ".join(reasons).split())


def _address(order: Order) -> list[str]:
    return postal_lines(order.shipping_address) if order.shipping_address else []
