"""The documents of an order follow from its state, so that they always add up to what was received less the refunds.

An invoice is over what was received. If a correction changes what it prints, it is cancelled and a new one issued, each
with its credit notes. A refund of what was paid too much has no credit note: the new invoice is over less.
"""

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from orders.amounts import billed_total
from orders.changes import record_updates
from orders.errors import InvoiceNotIssued
from orders.events import Event
from orders.invoices.contents import cancellation_of, credit_note_of, invoice_of, reversal_of
from orders.invoices.models import Invoice, InvoiceKind
from orders.invoices.numbers import next_number
from orders.models import Order
from orders.statuses import OrderStatus
from shop import days, jobs
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
    """Call it in the transaction of a payment, a refund or a correction."""
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
    if order.paid_at is None:
        return
    issued = _Issued(order)
    if order.invoice is None:
        issued.add(invoice_of(order))
    current = issued.current
    if current is None:
        # It was deleted after ``INVOICE_YEARS``.
        return
    if _is_outdated(current, order):
        for note in issued.standing_notes().values():
            issued.add(reversal_of(note))
        issued.add(cancellation_of(current))
        current = issued.add(invoice_of(order, replaced=current))
    notes = issued.standing_notes()
    for refund in order.refunds:
        standing = notes.get(refund.refund)
        if refund.status == "succeeded" and standing is None and not refund.is_difference:
            made = credit_note_of(current, issued.credits_of(current), refund)
            if made.total:
                issued.add(made)
        elif refund.status in ("failed", "canceled") and standing is not None:
            issued.add(reversal_of(standing))
    if issued.new:
        replaced = [order.invoice] if order.invoice and order.invoice.invoice != current.pk else []
        others = [each.entry for each in issued.new if each is not current]
        fields = {"invoice": current.entry, "credit_notes": [*order.credit_notes, *replaced, *others]}
        documents.update_rows(Order, {order.pk: fields})
        record_updates(order)


class _Issued:
    """The documents of an order, and those to be added."""

    def __init__(self, order: Order) -> None:
        self.found = list(Invoice.objects.filter(order=order.pk))
        self.current = next((each for each in self.found if order.invoice and each.pk == order.invoice.invoice), None)
        self.new: list[Invoice] = []
        self._now = timezone.now()

    def add(self, document: Invoice) -> Invoice:
        source = document.source
        if earlier := sum(each.source == source or each.source.startswith(f"{source} ") for each in self.found):
            document.source = f"{source} {earlier}"
        document.pk = ObjectId()
        document.issued_at, document.issued_on = self._now, timezone.localdate(self._now, days.zone())
        kind = InvoiceKind(document.kind)
        document.series, document.sequence, document.number = next_number(kind, document.issued_on)
        documents.insert(document)
        self.found.append(document)
        self.new.append(document)
        if document.kind == InvoiceKind.INVOICE:
            self.current = document
        return document

    def standing_notes(self) -> dict[ObjectId | None, Invoice]:
        """Return credit notes by refund, without those that were reversed."""
        reversed_notes = {each.corrects for each in self.found if each.kind == InvoiceKind.REVERSAL}
        notes = (each for each in self.found if each.kind == InvoiceKind.CREDIT_NOTE)
        return {each.refund: each for each in notes if each.number not in reversed_notes}

    def credits_of(self, invoice: Invoice) -> list[Invoice]:
        """Return the credit notes of an invoice, and reversals of these."""
        notes = [
            each for each in self.found if each.kind == InvoiceKind.CREDIT_NOTE and each.corrects == invoice.number
        ]
        numbers = {each.number for each in notes}
        return notes + [each for each in self.found if each.kind == InvoiceKind.REVERSAL and each.corrects in numbers]


def _is_outdated(invoice: Invoice, order: Order) -> bool:
    """Return whether a correction has changed what the invoice prints; not while a difference is to be paid."""
    if invoice.total != billed_total(order):
        return True
    is_over = order.status == OrderStatus.CANCELLED or order.erased_at is not None
    if is_over or order.amount_due or not any(entry.event == Event.CORRECTED for entry in order.timeline):
        return False
    return _printed(invoice) != _printed(invoice_of(order))


def _printed(invoice: Invoice) -> tuple[object, ...]:
    buyer = invoice.buyer
    lines = [(line.variant, line.net, line.tax, line.tax_rate) for line in invoice.lines]
    return buyer.name, list(buyer.lines), buyer.tax_id, invoice.country, lines
