from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from accounts.postal import postal_lines
from orders import summary
from orders.discounts import of_order
from orders.errors import InvoiceNotIssued
from orders.invoices.lines import credit_lines, invoice_lines, labels_of, tax_lines
from orders.invoices.models import Invoice, InvoiceKind, InvoiceLine, Party, seller
from orders.invoices.numbers import next_number
from orders.lifecycle import Event
from orders.models import Order
from orders.refund_entries import RefundEntry
from shop import days, jobs, money
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional


@jobs.job("orders.issue_invoices", in_transaction=True)
def issue_invoices(*, order: str) -> None:
    """Issue what the order lacks: its invoice, credit notes for succeeded refunds, reversals for those that failed.

    A job, so that concurrent payments do not wait for the counter.
    """
    row = Order.objects.filter(pk=order).first()
    if row is not None and row.invoice_due:
        _issue(row)


def issue_later(order: Order) -> None:
    """Call it in the transaction of a payment or refund."""
    documents.insert(*issue_jobs(order))


def issue_jobs(order: Order) -> list[jobs.Job]:
    """Return unsaved jobs."""
    return [issue_invoices.job({"order": str(order.pk)})] if order.invoice_due else []


@transactional("orders.issue_invoice")
def issue_on_request(*, order: Order) -> None:
    """Issue the invoice of an order that was paid without one. Raises ``InvoiceNotIssued``."""
    row = Order.objects.get(pk=order.pk)
    if not may_issue(row):
        raise InvoiceNotIssued
    Order.objects.filter(pk=row.pk).update(invoice_due=True)
    _issue(row)
    staff_log.record(Action.INVOICE, row)


def may_issue(order: Order) -> bool:
    return settings.INVOICES_ENABLED and order.paid_at is not None and order.invoice is None


def _issue(order: Order) -> None:
    """Read the order in the same transaction: both it and the counter conflict with concurrent calls."""
    now = timezone.now()
    found = list(Invoice.objects.filter(order=order.pk))
    known = {each.source for each in found}
    new: list[Invoice] = []

    def add(document: Invoice) -> None:
        if document.source not in known:
            _number(document, now)
            documents.insert(document)
            found.append(document)
            new.append(document)

    if order.paid_at is None:
        return
    if order.invoice is None:
        add(_invoice_of(order))
    invoice = next((each for each in found if each.kind == InvoiceKind.INVOICE), None)
    if invoice is None:
        # It was deleted after ``INVOICE_YEARS``.
        return
    notes = {each.source: each for each in found if each is not invoice}
    for refund in order.refunds:
        credit_note = notes.get(_source(InvoiceKind.CREDIT_NOTE, refund.refund))
        if refund.status == "succeeded" and credit_note is None:
            note = _credit_note_of(order, invoice, [each for each in found if each is not invoice], refund)
            if note.total:
                add(note)
        elif refund.status in ("failed", "canceled") and credit_note is not None:
            add(_reversal_of(credit_note))
    if new:
        # Ids of several processes are not in the order of time.
        others = sorted((each for each in found if each is not invoice), key=lambda each: (each.issued_at, each.pk))
        fields = {"invoice": invoice.entry, "credit_notes": [each.entry for each in others]}
        documents.update_rows(Order, {order.pk: fields})


def _number(document: Invoice, now: datetime) -> None:
    document.pk = ObjectId()
    document.issued_at, document.issued_on = now, timezone.localdate(now, days.zone())
    document.series, document.sequence, document.number = next_number(InvoiceKind(document.kind), document.issued_on)


def _source(kind: InvoiceKind, of: ObjectId | None) -> str:
    return f"{kind} {of}"


def _invoice_of(order: Order) -> Invoice:
    shipping_method = summary.shipping_of(order).name
    address = order.shipping_address
    return _document(
        InvoiceKind.INVOICE,
        of=order.pk,
        lines=invoice_lines(order, shipping_method=shipping_method),
        labels=labels_of(order),
        order=order.pk,
        order_number=order.number,
        payment=order.payment,
        paid_on=order.paid_on,
        seller=seller(),
        buyer=_buyer(order),
        country=address.country if address else "",
        shipping_method=shipping_method[:120],
        discounts=[each.label[:120] for each in of_order(order) if each.amount or each.shipping],
        prices_include_tax=order.prices_include_tax,
        currency=order.currency,
        note=settings.INVOICE_NOTE[:1000],
    )


def _buyer(order: Order) -> Party:
    billed_to = order.billed_to
    if billed_to is None:
        return Party(name=order.email or "Customer", email=order.email)
    return Party(
        name=billed_to.company or billed_to.name,
        lines=postal_lines(billed_to),
        tax_id=billed_to.tax_id,
        email=order.email,
    )


def is_corrected(order: Order) -> bool:
    """Return whether the payments may differ from the invoice, which stays as it is."""
    return any(entry.event == Event.CORRECTED for entry in order.timeline)


def _credit_note_of(order: Order, invoice: Invoice, earlier: Sequence[Invoice], refund: RefundEntry) -> Invoice:
    return _document(
        InvoiceKind.CREDIT_NOTE,
        of=refund.refund,
        lines=credit_lines(invoice, earlier, refund, may_exceed=is_corrected(order)),
        labels=labels_of(order),
        refund=refund.refund,
        corrects=invoice.number,
        is_for_amount=not refund.lines and not refund.shipping and refund.amount != invoice.total,
        **_copied(invoice),
    )


def _reversal_of(credit_note: Invoice) -> Invoice:
    return _document(
        InvoiceKind.REVERSAL,
        of=credit_note.refund,
        lines=credit_note.lines,
        labels={each.rate.normalize(): each.label for each in credit_note.tax_lines if each.rate is not None},
        refund=credit_note.refund,
        corrects=credit_note.number,
        is_for_amount=credit_note.is_for_amount,
        **_copied(credit_note),
    )


_COPIED = (
    "order",
    "order_number",
    "payment",
    "paid_on",
    "seller",
    "buyer",
    "country",
    "shipping_method",
    "prices_include_tax",
    "currency",
    "note",
)


def _copied(document: Invoice) -> dict[str, Any]:
    return {name: getattr(document, name) for name in _COPIED}


def _document(
    kind: InvoiceKind, *, of: ObjectId | None, lines: Sequence[InvoiceLine], labels: dict[Decimal, str], **fields: Any
) -> Invoice:
    def sum_of(name: str) -> Decimal:
        return sum((getattr(line, name) for line in lines), money.ZERO)

    return Invoice(
        kind=kind,
        source=_source(kind, of),
        lines=list(lines),
        tax_lines=tax_lines(lines, labels),
        net=sum_of("net"),
        tax=sum_of("tax"),
        total=sum_of("gross"),
        **fields,
    )
