"""The accountant's export: a row per invoice, credit note and reversal of a period.

Their totals add up to the money received less what was refunded.
"""

import tempfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, Any

from catalog.importing import csv_format, xlsx_writer
from catalog.importing.export import Cell, Writer
from catalog.importing.formats import escape_formula
from orders.invoices.models import Invoice, InvoiceKind, sign_of
from shop import money
from shop.api.streaming import piece_time
from shop.db import documents

KINDS = ("csv", "xlsx")
AT_ONCE = 500
_IN_MEMORY = 1024 * 1024
_HEADINGS = (
    *("Number", "Type", "Date", "Order", "Corrects", "Payment", "Refund", "Country", "Customer", "Tax number"),
    *("Currency", "Net", "Tax", "Gross"),
)


def write(file: IO[bytes], *, kind: str, first: date, last: date) -> int:
    """Write the documents issued on these days, both included; return their number."""
    writer: Writer = csv_format.Writer(file) if kind == "csv" else xlsx_writer.Writer(file, sheet="Invoices")
    count = 0
    try:
        rates = _rates(first, last)
        by_rate = [name for rate in rates for name in (f"Net {_percent(rate)}", f"Tax {_percent(rate)}")]
        writer.write([[*_HEADINGS, *by_rate]])
        for invoices in _batches(first, last):
            writer.write([_row(invoice, rates) for invoice in invoices])
            count += len(invoices)
    finally:
        writer.finish()
    return count


def pieces(*, kind: str, first: date, last: date) -> Iterator[bytes]:
    """Yield the file's contents; memory does not grow with the period."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        write(file, kind=kind, first=first, last=last)
        file.seek(0)
        while piece := file.read(_IN_MEMORY):
            yield piece


def _period(first: date, last: date) -> documents.Document:
    # MongoDB stores dates as datetimes.
    return {"$gte": datetime.combine(first, time.min), "$lte": datetime.combine(last, time.min)}


def _rates(first: date, last: date) -> list[Decimal | None]:
    pipeline = [
        {"$match": {"issued_on": _period(first, last)}},
        {"$unwind": "$tax_lines"},
        {"$group": {"_id": "$tax_lines.rate"}},
    ]
    with piece_time():
        found = {
            None if row["_id"] is None else row["_id"].to_decimal().normalize()
            for row in documents.aggregate(Invoice, pipeline)
        }
    return sorted(found, key=lambda rate: -1 if rate is None else rate, reverse=True)


def _batches(first: date, last: date) -> Iterator[list[Invoice]]:
    """Yield rows in the order of the index by day of issue."""
    match: documents.Document = {"issued_on": _period(first, last)}
    while True:
        sort = {"$sort": {"issued_on": 1, "_id": 1}}
        with piece_time():
            invoices = documents.views(Invoice, [{"$match": match}, sort, {"$limit": AT_ONCE}])
        if invoices:
            yield invoices
        if len(invoices) < AT_ONCE:
            return
        day = datetime.combine(invoices[-1].issued_on, time.min)
        later = {"$gt": day, "$lte": datetime.combine(last, time.min)}
        match = {"$or": [{"issued_on": day, "_id": {"$gt": invoices[-1].pk}}, {"issued_on": later}]}


def _row(invoice: Any, rates: list[Decimal | None]) -> list[Cell]:
    def amount(value: Decimal) -> Decimal:
        return money.quantize(sign * value, invoice.currency)

    sign = sign_of(invoice.kind)
    by_rate = {None if each.rate is None else each.rate.normalize(): each for each in invoice.tax_lines}
    cells: list[Cell] = [
        escape_formula(invoice.number),
        InvoiceKind(invoice.kind).label,
        invoice.issued_on.isoformat(),
        invoice.order_number,
        escape_formula(invoice.corrects),
        str(invoice.payment or ""),
        str(invoice.refund or ""),
        invoice.country,
        escape_formula(invoice.buyer.name),
        escape_formula(invoice.buyer.tax_id),
        invoice.currency.upper(),
        amount(invoice.net),
        amount(invoice.tax),
        amount(invoice.total),
    ]
    for rate in rates:
        found = by_rate.get(rate)
        cells += [amount(found.net), amount(found.tax)] if found else ["", ""]
    return cells


def _percent(rate: Decimal | None) -> str:
    return "other" if rate is None else f"{rate.normalize():f}%"
