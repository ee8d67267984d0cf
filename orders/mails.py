from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from bson import ObjectId
from django.conf import settings
from django.utils import timezone
from django_countries import countries

from accounts.mails import salutation
from accounts.models import User
from accounts.postal import postal_lines
from orders import summary
from orders.errors import MailNotResent, MailOutdated
from orders.events import Actor, Event
from orders.invoices.mailing import attachments_of
from orders.lifecycle import TRANSITIONS
from orders.mail_log import MAILS_KEPT, MailStatus, OrderMail
from orders.models import Order
from orders.returns.states import return_of
from orders.statuses import AFTER_PAYMENT, FulfilmentStatus, OrderStatus, PaymentStatus
from orders.tokens import new_token
from shop import money
from shop.api.object_ids import parse_object_id
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs import Job, mails
from shop.jobs.mails import Mail, Outcome
from shop.media.urls import image_url

# Most customers pay or retry within minutes.
UNPAID_MAIL_DELAY = timedelta(minutes=3)

_WITH_INVOICE = (Event.PAID, Event.REFUNDED, Event.DIFFERENCE_PAID)

CUSTOMER_MAILS = {event: rule.customer_mail for event, rule in TRANSITIONS.items() if rule.customer_mail}


def customer_mail(
    order: Order,
    event: Event,
    *,
    refund: ObjectId | None = None,
    parcel: ObjectId | None = None,
    returned: ObjectId | None = None,
    at_once: bool = False,
) -> Job:
    """Return an unsaved job."""
    delay = None
    if order.total and CUSTOMER_MAILS[event].asks_for_payment and not at_once:
        delay = min(
            UNPAID_MAIL_DELAY, timedelta(seconds=min(settings.UNPAID_HOLD_SECONDS, settings.ORDER_HOLD_SECONDS)) / 2
        )
    about = _about(order, event, refund=refund, parcel=parcel, returned=returned)
    return order_mail.job(delay=delay, urgent=CUSTOMER_MAILS[event].urgent, **about)


def _about(
    order: Order, event: Event, *, refund: ObjectId | None, parcel: ObjectId | None, returned: ObjectId | None
) -> dict[str, str]:
    about = {"order": str(order.pk), "event": event.value}
    named = (("refund", refund), ("parcel", parcel), ("returned", returned))
    about |= {name: str(key) for name, key in named if key}
    if event == Event.PAYMENT_FAILED:
        about["failures"] = str(_failures(order))
    return about


def log_mail(order: Order, job: Job) -> OrderMail:
    """Add a queued mail to the order, to be written with it."""
    about = job.payload
    row = OrderMail(
        key=ObjectId(about["mail"]),
        event=about["event"],
        refund=parse_object_id(about.get("refund", "")),
        parcel=parse_object_id(about.get("parcel", "")),
        returned=parse_object_id(about.get("returned", "")),
    )
    order.mails = [*order.mails, row][-MAILS_KEPT:]
    return row


def pushed_mail(order: Order, job: Job) -> documents.Document:
    """Log a mail; return the value of ``$push``."""
    row = log_mail(order, job)
    return {"$each": documents.stored_values(Order, {"mails": [row]})["mails"], "$slice": -MAILS_KEPT}


def _record(*, outcome: Outcome, mail: str, order: str, **_: str) -> None:
    known = {"_id": ObjectId(order), "mails.key": ObjectId(mail)}
    documents.update_one(Order, known, {"$set": {"mails.$.status": outcome.value, "mails.$.at": timezone.now()}})


def notify_staff(order: Order, event: Event, *, returned: ObjectId | None = None) -> None:
    for address in settings.ORDER_NOTICE_EMAILS:
        staff_mail.enqueue(
            order=str(order.pk), address=address, event=event.value, returned=str(returned) if returned else ""
        )


class StaffMail(NamedTuple):
    """``subject`` is formatted with the order's number."""

    subject: str
    template: str


STAFF_MAILS: dict[str, StaffMail] = {
    Event.PAID: StaffMail("New order {}", "new_order"),
    Event.RETURN_REQUESTED: StaffMail("New return for order {}", "new_return"),
    Event.WITHDRAWN: StaffMail("Withdrawal from order {}", "new_return"),
}


@mails.mail("orders.staff_mail")
def staff_mail(*, order: str, address: str, event: str = Event.PAID, returned: str = "") -> Mail | None:
    row = documents.find_one(Order, {"_id": ObjectId(order)})
    if row is None or address not in settings.ORDER_NOTICE_EMAILS:
        return None
    country = row.shipping_address.country if row.shipping_address else ""
    return Mail(
        to=address,
        verified=True,
        budget=None,
        subject=STAFF_MAILS[event].subject.format(row.number),
        template=f"orders/mails/{STAFF_MAILS[event].template}",
        context={
            **context_of(row, verified=False),
            "country": countries.name(country) or country,
            **(return_context(row, returned) if returned else {}),
        },
    )


@mails.mail("orders.mail", report=_record)
def order_mail(
    *, order: str, event: str, refund: str = "", failures: str = "", parcel: str = "", returned: str = ""
) -> Mail | None:
    """Return None for a deleted customer or an outdated mail."""
    row = documents.find_one(Order, {"_id": ObjectId(order)})
    customer = documents.find_one(User, {"_id": row.user_id, "closed_at": None}) if row and row.user_id else None
    to = customer.email if customer else row.email if row and row.user_id is None else ""
    if row is None or not to or not _is_wanted(row, event, failures):
        return None
    # Anyone can order with an account's address: the text of a claimed order may be a stranger's.
    verified = customer is not None and customer.email_verified and row.claimed_at is None
    context = context_of(row, verified=verified)
    if refund:
        succeeded = {entry.refund: entry for entry in row.refunds if entry.status == "succeeded"}
        if (entry := succeeded.get(ObjectId(refund))) is None:
            # It has failed since.
            return None
        context["refund"] = money.display(entry.amount, row.currency)
    if parcel or event == Event.SHIPPED:
        context |= parcel_context(row, parcel)
    if returned:
        context |= return_context(row, returned)
    # An invoice names the buyer, whose mailbox an unverified address may not be.
    has_invoice = verified and event in _WITH_INVOICE
    mail = CUSTOMER_MAILS[event]
    return Mail(
        to=to,
        verified=verified,
        budget=mail.budget,
        subject=mail.subject.format(row.number),
        template=f"orders/mails/{mail.template}",
        context={**context, "name": salutation(customer) if customer else "", "link": order_url(row)},
        attachments=partial(attachments_of, row, refund) if has_invoice else tuple,
    )


def order_url(order: Order) -> str:
    """Return a link for the customer; a guest's opens the order."""
    token = {} if order.user_id is not None else {"token": new_token(order)}
    return mails.storefront_url(f"orders/{order.number}", **token)


def _is_wanted(order: Order, event: str, failures: str) -> bool:
    if not (order.total and CUSTOMER_MAILS[event].asks_for_payment):
        return True
    if event == Event.PAYMENT_FAILED:
        # A later failure gets its own mail.
        is_current = order.payment_status == PaymentStatus.FAILED and failures == str(_failures(order))
    else:
        is_current = order.payment_status != PaymentStatus.FAILED
    return is_current and order.is_payable and not order.is_expired


def _failures(order: Order) -> int:
    return sum(entry.event == Event.PAYMENT_FAILED for entry in order.timeline)


def context_of(order: Order, *, verified: bool) -> dict[str, Any]:
    """Return plain values, without typed text unless ``verified``: the mailbox may be another person's."""
    shows_addresses = verified and order.status != OrderStatus.CANCELLED
    shipping = summary.shipping_of(order)
    lines = [{**row, "picture": _picture(row["line"].image)} for row in summary.lines(order)]
    return {
        "number": order.number,
        "placed_at": order.created_at,
        "lines": lines,
        "has_pictures": any(row["picture"] for row in lines),
        "totals": summary.totals(order, shipping.name),
        "total": money.display(order.total, order.currency),
        "currency": order.currency.upper(),
        "address": postal_lines(order.shipping_address) if shows_addresses and order.shipping_address else [],
        "pickup": shipping.pickup if order.status != OrderStatus.CANCELLED else [],
        "billing_address": _billing_lines(order) if shows_addresses else [],
        "amount_due": money.display(order.amount_due, order.currency) if order.amount_due else "",
        "pay_until": None if order.payment_status == PaymentStatus.PROCESSING else order.expires_at,
        "is_processing": order.payment_status == PaymentStatus.PROCESSING,
        "reason": _reason(order),
        "will_be_refunded": bool(order.payment_status in AFTER_PAYMENT and order.total),
    }


def parcel_context(order: Order, key: str) -> dict[str, Any]:
    # Jobs of an earlier release name no parcel.
    parcel = next((parcel for parcel in order.fulfilments if str(parcel.key) == key), order.fulfilments[-1])
    is_part = len(order.fulfilments) > 1 or order.fulfilment_status == FulfilmentStatus.PARTIALLY_SHIPPED
    return {"parcel": parcel, "contents": summary.contents(order, parcel) if is_part else []}


def _picture(image: str) -> str:
    """Return an address that a mail client can load, or "": the paths of local files are none."""
    url = image_url(image, size="thumbnail") or ""
    return url if url.startswith("https://") else ""


def return_context(order: Order, key: str) -> dict[str, Any]:
    """The customer's reasons are typed text, and left out."""
    found = return_of(order, ObjectId(key))
    lines = {row["line"].variant: row for row in summary.lines(order)}
    return {
        "is_withdrawal": found.withdrawal,
        "requested_at": found.created_at,
        "returned_lines": [
            {**lines[line.line], "quantity": line.quantity - line.missing}
            for line in found.lines
            if line.quantity > line.missing
        ],
        "missing": sum(line.missing for line in found.lines),
        "has_goods": found.has_goods,
        "expected_refund": money.display(found.expected_refund, order.currency),
        "answer": " ".join(found.answer.split()),
    }


def _billing_lines(order: Order) -> list[str]:
    """Return no lines if the order is billed to the shipping address, without a tax number."""
    billed_to = order.billed_to
    if billed_to is None:
        return []
    shipped_to = postal_lines(order.shipping_address) if order.shipping_address else []
    if not billed_to.tax_id and postal_lines(billed_to) == shipped_to:
        return []
    return [*postal_lines(billed_to), *([f"Tax number {billed_to.tax_id}"] if billed_to.tax_id else [])]


def _reason(order: Order) -> str:
    """Return the cancellation reason on one line; never a customer's, which is typed text."""
    reasons = [
        entry.detail
        for entry in order.timeline
        if entry.event in (Event.CANCELLED, Event.EXPIRED, Event.ITEMS_CANCELLED)
        and entry.actor in (Actor.STAFF, Actor.SYSTEM)
    ]
    return " ".join(" ".join(reasons).split())


# --- Again ------------------------------------------------------------------------------------------------------------

RESENT_AFTER = timedelta(minutes=1)


def preview(*, order: Order, key: ObjectId | None) -> str | None:
    """Return the HTML of a logged mail, as it would be sent now; None if it no longer applies."""
    written = next((_written(order, mail) for mail in order.mails if mail.key == key), None)
    if written is None:
        return None
    # A guest's link would open the order as its buyer.
    link = mails.storefront_url(f"orders/{order.number}")
    return mails.render(written._replace(context={**written.context, "link": link}), logo="")[1]


def resend(*, order: Order, key: ObjectId) -> None:
    """Send a logged mail again, as it is now. Raises ``MailNotResent``, ``MailOutdated``."""
    mail = next((mail for mail in order.mails if mail.key == key), None)
    if mail is None or _written(order, mail) is None:
        raise MailOutdated
    _resend(order_id=order.pk, again=mail)


@transactional("orders.resend_mail")
def _resend(*, order_id: ObjectId, again: OrderMail) -> None:
    # Read and written in the transaction, so that of concurrent calls one finds the other's mail.
    order = Order.objects.get(pk=order_id)
    since = timezone.now() - RESENT_AFTER
    for mail in order.mails:
        is_pending = mail.status == MailStatus.QUEUED or (mail.status == MailStatus.SENT and mail.at > since)
        if mail.is_like(again) and is_pending:
            raise MailNotResent
    about = {"refund": again.refund, "parcel": again.parcel, "returned": again.returned}
    job = customer_mail(order, Event(again.event), **about, at_once=True)
    documents.update_one(Order, {"_id": order.pk}, {"$push": {"mails": pushed_mail(order, job)}})
    documents.insert(job)
    staff_log.record(Action.MAIL, order)


def _written(order: Order, mail: OrderMail) -> Mail | None:
    about = {"refund": mail.refund, "parcel": mail.parcel, "returned": mail.returned}
    return order_mail.write(**_about(order, Event(mail.event), **about))
