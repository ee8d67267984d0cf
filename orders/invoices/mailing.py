from datetime import timedelta

from bson import ObjectId
from django.utils import timezone

from orders.amounts import billed_total
from orders.invoices.models import Invoice, InvoiceEntry, InvoiceKind
from orders.invoices.printing import filename_of, pdf_of
from orders.models import Order
from shop.db import documents
from shop.jobs import Postpone
from shop.jobs.mails import Attachment

# The invoice's job runs right after the payment; a mail does not wait for one that fails.
WAIT = timedelta(minutes=2)
RETRY_SECONDS = 2.0


def attachments_of(order: Order, refund: str) -> list[Attachment]:
    """Return the PDF of the order's invoice, or of a refund's credit note. Raises ``Postpone`` if it is due soon."""
    entry = _entry(order, refund)
    if entry is None:
        if _is_due_soon(order, refund):
            raise Postpone(RETRY_SECONDS)
        return []
    invoice = documents.find_one(Invoice, {"_id": entry.invoice})
    return [] if invoice is None else [Attachment(filename_of(invoice), pdf_of(invoice), "application/pdf")]


def _entry(order: Order, refund: str) -> InvoiceEntry | None:
    """A refund of what was paid too much has a new invoice."""
    is_difference = any(each.is_difference for each in order.refunds if str(each.refund) == refund)
    if not refund or is_difference:
        invoice: InvoiceEntry | None = order.invoice
        return invoice if invoice and invoice.total == billed_total(order) else None
    kind = InvoiceKind.CREDIT_NOTE
    notes = [each for each in order.credit_notes if each.refund == ObjectId(refund) and each.kind == kind]
    return notes[-1] if notes else None


def _is_due_soon(order: Order, refund: str) -> bool:
    if not order.invoice_due or (refund and order.invoice is None):
        return False
    since = max((entry.at for entry in order.timeline), default=order.created_at)
    return timezone.now() - since < WAIT
