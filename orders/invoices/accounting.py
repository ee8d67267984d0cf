"""The accountant's export: a row per invoice, credit note, cancellation and lost dispute of a period.

Their gross amounts add up to the money received less what was refunded and lost.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any, cast

from catalog.importing import csv_format, xlsx_writer
from catalog.importing.export import Cell, Writer
from catalog.importing.formats import escape_formula
from catalog.importing.parts import PIECE_BYTES, Buffer
from orders.invoices.models import Invoice, InvoiceKind, sign_of
from orders.models import Order
from orders.refund_entries import DisputeEntry
from orders.reports.totals import day_of
from shop import days, money
from shop.api.streaming import piece_time
from shop.db import documents

KINDS = ("csv", "xlsx")
AT_ONCE = 500
_HEADINGS = (
    *("Number", "Type", "Date", "Order", "Corrects", "Payment", "Refund", "Country", "Customer", "Tax number"),
    *("Currency", "Net", "Tax", "Gross", "Dispute fee", "Fee currency"),
)

Rows = list[list[Cell]]


def write(file: IO[bytes], *, kind: str, first: date, last: date) -> int:
    """Write the documents and lost disputes of these days, both included; return their number.

    Raises ``TooLargeForXLSX``.
    """
    writer, count = _writer(file, kind), -1
    try:
        for rows in _batches(first, last):
            writer.write(rows)
            count += len(rows)
    finally:
        writer.finish()
    return count


def pieces(*, kind: str, first: date, last: date) -> Iterator[bytes]:
    """Yield the file's contents while they are read; memory does not grow with the period."""
    buffer = Buffer()
    writer = _writer(cast("IO[bytes]", buffer), kind)
    try:
        for rows in _batches(first, last):
            writer.write(rows)
            if len(buffer) >= PIECE_BYTES:
                yield buffer.pop()
    finally:
        writer.finish()
    yield buffer.pop()


def is_too_large(*, kind: str, first: date, last: date) -> bool:
    """Return whether an XLSX file cannot contain the documents of these days."""
    if kind != "xlsx":
        return False
    most = xlsx_writer.MAX_ROWS - AT_ONCE
    counted = [{"$match": {"issued_on": _period(first, last)}}, {"$limit": most + 1}, {"$count": "rows"}]
    return any(row["rows"] > most for row in documents.aggregate(Invoice, counted))


def _writer(file: IO[bytes], kind: str) -> Writer:
    return csv_format.Writer(file) if kind == "csv" else xlsx_writer.Writer(file, sheet="Invoices")


def _batches(first: date, last: date) -> Iterator[Rows]:
    rates = _rates(first, last)
    by_rate = [name for rate in rates for name in (f"Net {_percent(rate)}", f"Tax {_percent(rate)}")]
    yield [[*_HEADINGS, *by_rate]]
    for invoices in _documents(first, last):
        yield [_row(invoice, rates) for invoice in invoices]
    yield from _lost_disputes(first, last)


# --- Invoices and credit notes ----------------------------------------------------------------------------------------


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


def _documents(first: date, last: date) -> Iterator[list[Invoice]]:
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
        *("", ""),
    ]
    for rate in rates:
        found = by_rate.get(rate)
        cells += [amount(found.net), amount(found.tax)] if found else ["", ""]
    return cells


def _percent(rate: Decimal | None) -> str:
    return "other" if rate is None else f"{rate.normalize():f}%"


# --- Disputes ---------------------------------------------------------------------------------------------------------


def _lost_disputes(first: date, last: date) -> Iterator[Rows]:
    """Yield the disputes that were lost on these days, the oldest first.

    They change neither net nor tax: the sale stands, and the buyer still owes its price.
    """
    lost: documents.Document = {"$gte": days.beginning(first), "$lt": days.beginning(last + timedelta(days=1))}
    beyond: documents.Document = {}
    while True:
        of_period = {"disputes.lost_at": lost}
        with piece_time():
            currencies = documents.distinct(Order, "currency")
            found = documents.aggregate(
                Order,
                [
                    {"$match": {"currency": {"$in": currencies}, **of_period}},
                    {"$project": dict.fromkeys((*_OF_ORDER, "disputes"), 1)},
                    {"$unwind": "$disputes"},
                    {"$match": {**of_period, **beyond}},
                    {"$sort": {"disputes.lost_at": 1, "disputes.dispute": 1}},
                    {"$limit": AT_ONCE},
                ],
            )
        if found:
            yield [_row_of_dispute(row) for row in found]
        if len(found) < AT_ONCE:
            return
        at, dispute = found[-1]["disputes"]["lost_at"], found[-1]["disputes"]["dispute"]
        beyond = {
            "$or": [
                {"disputes.lost_at": {"$gt": at}},
                {"disputes.lost_at": at, "disputes.dispute": {"$gt": dispute}},
            ]
        }
        lost = {**lost, "$gte": at}


_OF_ORDER = ("number", "currency", "payment", "shipping_address", "billing_address")


def _row_of_dispute(found: documents.Document) -> list[Cell]:
    order = documents.view(Order, {**found, "disputes": [found["disputes"]]})
    dispute: DisputeEntry = order.disputes[0]
    currency = dispute.currency or order.currency
    buyer, address = order.billing_address or order.shipping_address, order.shipping_address
    return [
        escape_formula(dispute.dispute),
        "Lost dispute",
        day_of(cast("datetime", dispute.lost_at)).isoformat(),
        order.number,
        "",
        str(order.payment or ""),
        "",
        address.country if address else "",
        escape_formula((buyer.company or buyer.name) if buyer else ""),
        escape_formula(buyer.tax_id if buyer else ""),
        currency.upper(),
        *("", ""),
        "" if dispute.amount is None else money.quantize(-dispute.amount, currency),
        "" if dispute.fee is None else money.quantize(dispute.fee, dispute.fee_currency),
        dispute.fee_currency.upper(),
    ]
