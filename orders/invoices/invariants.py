from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from bson import ObjectId
from django.utils import timezone

from orders.invoices.issuing import is_corrected, issue_invoices
from orders.invoices.models import Invoice, InvoiceCounter, InvoiceKind
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


@invariant_over(Order, "an order that was paid since invoices are issued has one, over its total")
def paid_orders_have_invoices(orders: Window[Order]) -> Iterator[str]:
    late = timezone.now() - GRACE
    queued: set[str] | None = None
    for order in orders:
        if order.invoice is not None:
            # An issued invoice stays as it is when the order is corrected.
            if order.invoice.total != order.total and not is_corrected(order):
                yield f"{order.number} has the total {order.total}, but its invoice {order.invoice.total}"
        elif order.invoice_due and order.paid_at and order.paid_at < late:
            queued = _queued() if queued is None else queued
            if str(order.pk) not in queued:
                yield f"{order.number} was paid, but has no invoice"


@invariant_over(Order, "credit notes add up to the succeeded refunds, unless the order was corrected")
def refunds_have_credit_notes(orders: Window[Order]) -> Iterator[str]:
    queued: set[str] | None = None
    for order in orders:
        if order.invoice is None or is_corrected(order):
            continue
        credited: defaultdict[ObjectId | None, Decimal] = defaultdict(Decimal)
        for entry in order.credit_notes:
            credited[entry.refund] += entry.total if entry.kind == InvoiceKind.CREDIT_NOTE else -entry.total
        refunded = {entry.refund: entry.amount for entry in order.refunds if entry.status == "succeeded"}
        if {key: amount for key, amount in credited.items() if amount} != refunded:
            queued = _queued() if queued is None else queued
            if str(order.pk) not in queued:
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


def _queued() -> set[str]:
    waiting = Job.objects.filter(kind=issue_invoices.name, given_up_at=None)
    return {payload["order"] for payload in waiting.values_list("payload", flat=True)}
