"""An invoice's PDF is drawn from its row, so that it needs no storage and its contents cannot change."""

import re
from decimal import Decimal

from django.utils.formats import date_format

from orders.invoices.models import Invoice, InvoiceKind, InvoiceLine, InvoiceTax
from shop import money
from shop.pdf import Cell, Document


def filename_of(invoice: Invoice) -> str:
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", invoice.number)
    return f"{invoice.kind.replace('_', '-')}-{safe}.pdf"


def pdf_of(invoice: Invoice) -> bytes:
    document = Document(title=_title(invoice), footer=_footer(invoice))
    document.heading(_title(invoice))
    document.address_block(_buyer(invoice), _facts(invoice))
    if invoice.is_for_amount:
        _add_amounts(document, invoice)
    else:
        _add_lines(document, invoice)
    document.totals(_totals(invoice))
    for text in _notes(invoice):
        document.paragraph(text, small=True)
    return document.render()


def _title(invoice: Invoice) -> str:
    return f"{InvoiceKind(invoice.kind).label} {invoice.number}"


def _footer(invoice: Invoice) -> list[str]:
    seller = invoice.seller
    tax_id = f"Tax number {seller.tax_id}" if seller.tax_id else ""
    return [
        line
        for line in (
            " · ".join(seller.lines),
            " · ".join(each for each in (tax_id, seller.registration, seller.contact) if each),
        )
        if line
    ]


def _buyer(invoice: Invoice) -> list[str]:
    buyer = invoice.buyer
    return [*(buyer.lines or [buyer.name]), *([f"Tax number {buyer.tax_id}"] if buyer.tax_id else [])]


def _facts(invoice: Invoice) -> list[tuple[str, str]]:
    rows = [
        ("Date", date_format(invoice.issued_on, "DATE_FORMAT")),
        ("Order", invoice.order_number),
        ("Corrects", invoice.corrects),
        ("Paid on", date_format(invoice.paid_on, "DATE_FORMAT") if invoice.paid_on else ""),
    ]
    return [(label, value) for label, value in rows if value]


def _add_lines(document: Document, invoice: Invoice) -> None:
    discounted = any(line.discount for line in invoice.lines)
    head = ["Item", "Quantity", "Unit price", *(["Discount"] if discounted else []), "Tax", "Amount"]
    rows: list[list[Cell]] = [
        [
            [line.name, *(text for text in (line.options, line.sku) if text)],
            str(line.quantity or ""),
            _amount(line.unit_price, invoice) if line.quantity else "",
            *([_amount(-line.discount, invoice) if line.discount else ""] if discounted else []),
            _percent(line.tax_rate),
            _amount(_shown(line, invoice), invoice),
        ]
        for line in invoice.lines
    ]
    columns = len(head) - 1
    document.table(
        head,
        rows,
        widths=[4, *([1.3] * columns)],
        align=["left", *(["right"] * columns)],  # type: ignore[list-item]
    )


def _add_amounts(document: Document, invoice: Invoice) -> None:
    rows: list[list[Cell]] = [
        [f"Part of the price, {invoice.corrects}", _percent(tax.rate), _amount(_shown(tax, invoice), invoice)]
        for tax in invoice.tax_lines
    ]
    document.table(["Item", "Tax", "Amount"], rows, widths=[4, 1, 1], align=["left", "right", "right"])


def _totals(invoice: Invoice) -> list[tuple[str, str]]:
    rows = [("Net", _amount(invoice.net, invoice))]
    for each in invoice.tax_lines:
        base = _amount(each.net, invoice)
        label = f"{each.label} {_percent(each.rate)} on {base}" if each.rate is not None else each.label
        rows.append((label, _amount(each.tax, invoice)))
    return [*rows, (f"Total {invoice.currency.upper()}", _amount(invoice.total, invoice))]


def _notes(invoice: Invoice) -> list[str]:
    included = "Prices include tax." if invoice.prices_include_tax else "Prices do not include tax."
    discounts = f"Discounts: {', '.join(invoice.discounts)}." if invoice.discounts else ""
    return [text for text in (included, discounts, invoice.note) if text]


def _shown(part: InvoiceLine | InvoiceTax, invoice: Invoice) -> Decimal:
    return part.gross if invoice.prices_include_tax else part.net


def _percent(rate: Decimal | None) -> str:
    return "" if rate is None else f"{rate.normalize():f}%"


def _amount(amount: Decimal, invoice: Invoice) -> str:
    return f"{money.quantize(amount, invoice.currency):,f}"
