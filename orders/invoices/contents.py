"""Unsaved documents of an order, without numbers."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.conf import settings

from accounts.postal import postal_lines
from orders import summary
from orders.amounts import billed_total
from orders.discounts import of_order
from orders.invoices.lines import credit_lines, invoice_lines, labels_of, tax_lines
from orders.invoices.models import Invoice, InvoiceKind, InvoiceLine, Party, seller
from orders.models import Order
from orders.refund_entries import RefundEntry
from shop import money


def invoice_of(order: Order, *, replaced: Invoice | None = None) -> Invoice:
    shipping_method = summary.shipping_of(order).name
    address = order.shipping_address
    # The addresses of an erased order are gone.
    buyer = replaced.buyer if replaced is not None and order.erased_at else _buyer(order)
    return _document(
        InvoiceKind.INVOICE,
        of=order.pk,
        lines=invoice_lines(order, shipping_method=shipping_method, amount=billed_total(order)),
        labels=labels_of(order.tax_lines),
        order=order.pk,
        order_number=order.number,
        payment=order.payment,
        paid_on=order.paid_on,
        corrects=replaced.number if replaced else "",
        seller=seller(),
        buyer=buyer,
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


def credit_note_of(invoice: Invoice, earlier: Sequence[Invoice], refund: RefundEntry) -> Invoice:
    return _document(
        InvoiceKind.CREDIT_NOTE,
        of=refund.refund,
        lines=credit_lines(invoice, earlier, refund),
        labels=labels_of(invoice.tax_lines),
        refund=refund.refund,
        corrects=invoice.number,
        is_for_amount=not refund.lines and not refund.shipping and refund.amount != invoice.total,
        **_copied(invoice),
    )


def reversal_of(credit_note: Invoice) -> Invoice:
    return _inverse(credit_note, InvoiceKind.REVERSAL, of=credit_note.refund, refund=credit_note.refund)


def cancellation_of(invoice: Invoice) -> Invoice:
    return _inverse(invoice, InvoiceKind.CANCELLATION, of=invoice.order, discounts=invoice.discounts)


def _inverse(document: Invoice, kind: InvoiceKind, *, of: ObjectId | None, **fields: Any) -> Invoice:
    return _document(
        kind,
        of=of,
        lines=document.lines,
        labels=labels_of(document.tax_lines),
        corrects=document.number,
        is_for_amount=document.is_for_amount,
        **_copied(document),
        **fields,
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
    kind: InvoiceKind,
    *,
    of: ObjectId | None,
    lines: Sequence[InvoiceLine],
    labels: Mapping[Decimal, str],
    **fields: Any,
) -> Invoice:
    def sum_of(name: str) -> Decimal:
        return sum((getattr(line, name) for line in lines), money.ZERO)

    return Invoice(
        kind=kind,
        source=f"{kind} {of}",
        lines=list(lines),
        tax_lines=tax_lines(lines, labels),
        net=sum_of("net"),
        tax=sum_of("tax"),
        total=sum_of("gross"),
        **fields,
    )
