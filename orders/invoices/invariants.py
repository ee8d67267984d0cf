from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from bson import ObjectId
from django.utils import timezone

from orders.amounts import billed_total
from orders.invoices.issuing import issue_invoices
from orders.invoices.models import Invoice, InvoiceCounter
from orders.invoices.retention import kept_since
from orders.models import Order
from shop import days, money
from shop.audit import Window, invariant, invariant_over
from shop.db import documents
from shop.jobs import Job

# Time allowed for the job.
GRACE = timedelta(minutes=2)


@invariant("the numbers of invoices have neither gap nor twin")
def numbers_are_gapless() -> Iterator[str]:
    series = {
        "_id": "$series",
        "count": {"$sum": 1},
        "first": {"$min": "$sequence"},
        "last": {"$max": "$sequence"},
    }
    counters = dict(InvoiceCounter.objects.values_list("series", "last"))
    for row in documents.aggregate(Invoice, [{"$sort": {"series": 1}}, {"$group": series}]):
        name, count, first, last = row["_id"], row["count"], row["first"], row["last"]
        counted = counters.pop(name, 0)
        if count != last - first + 1 or last != counted:
            yield f"{name} has {count} numbers from {first} to {last}, and its counter {counted}"
        # Those of past years are deleted.
        if first != 1 and kept_since() == date.min:
            yield f"{name} begins with {first}"


@invariant_over(Invoice, "the lines and taxes of an invoice add up to its total")
def invoices_add_up(invoices: Window[Invoice]) -> Iterator[str]:
    for invoice in invoices:
        expected = (invoice.net, invoice.tax, invoice.total)
        for parts in (invoice.lines, invoice.tax_lines):
            sums = tuple(sum((getattr(each, name) for each in parts), money.ZERO) for name in ("net", "tax", "gross"))
            if sums != expected or invoice.net + invoice.tax != invoice.total:
                yield f"{invoice.number} has {expected}, but its parts add up to {sums}"


@invariant_over(Order, "an order that was paid since invoices are issued has one, over what was received for it")
def paid_orders_have_invoices(orders: Window[Order]) -> Iterator[str]:
    late = timezone.now() - GRACE
    unfinished = Unfinished()
    for order in orders:
        if order.invoice is not None:
            billed = billed_total(order)
            if order.invoice.total != billed and order not in unfinished:
                yield f"{order.number} has an invoice of {order.invoice.total}, but it should be over {billed}"
        elif order.invoice_due and order.paid_at and order.paid_at < late and order not in unfinished:
            yield f"{order.number} was paid, but has no invoice"


@invariant_over(Order, "credit notes add up to the succeeded refunds, except those of differences")
def refunds_have_credit_notes(orders: Window[Order]) -> Iterator[str]:
    unfinished = Unfinished()
    for order in orders:
        if order.invoice is None:
            continue
        credited: defaultdict[ObjectId | None, Decimal] = defaultdict(Decimal)
        for entry in order.credit_notes:
            # Without refund: an invoice and its cancellation.
            credited[entry.refund] -= entry.amount
        refunded = {
            entry.refund: entry.amount
            for entry in order.refunds
            if entry.status == "succeeded" and not entry.is_difference
        }
        if {key: amount for key, amount in credited.items() if amount} != refunded and order not in unfinished:
            total = sum(refunded.values(), money.ZERO)
            yield f"{order.number} has refunds of {total}, but its credit notes differ"


@invariant_over(Order, "an order shows its invoices")
def orders_show_their_invoices(orders: Window[Order]) -> Iterator[str]:
    stored: defaultdict[ObjectId, Counter[tuple[str, Decimal]]] = defaultdict(Counter)
    rows = documents.views(Invoice, [{"$match": {"order": {"$in": [order.pk for order in orders]}}}])
    for row in rows:
        stored[row.order][row.number, row.total] += 1
    oldest = kept_since()
    for order in orders:
        entries = [*([order.invoice] if order.invoice else []), *order.credit_notes]
        kept = (each for each in entries if timezone.localdate(each.issued_at, days.zone()) >= oldest)
        shown = Counter((each.number, each.total) for each in kept)
        if shown != stored[order.pk]:
            yield f"{order.number} shows {len(shown)} invoices and credit notes, but has {len(stored[order.pk])}"


class Unfinished:
    """The orders for which a job is to issue documents; read at the first use."""

    def __init__(self) -> None:
        self._orders: set[str] | None = None

    def __contains__(self, order: Order) -> bool:
        if self._orders is None:
            waiting = Job.objects.filter(kind=issue_invoices.name, given_up_at=None)
            self._orders = {payload["order"] for payload in waiting.values_list("payload", flat=True)}
        return str(order.pk) in self._orders
