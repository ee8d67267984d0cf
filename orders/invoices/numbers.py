from datetime import date

from django.conf import settings

from orders.invoices.models import NEGATIVE_KINDS, InvoiceCounter, InvoiceKind
from shop.db import documents
from shop.db.transactions import queue_for


def next_number(kind: InvoiceKind, day: date) -> tuple[str, int, str]:
    """Return a series, the next number in it and the number as printed. Call it in a transaction.

    Concurrent transactions conflict on the counter, so a number that is given out is also used.
    """
    is_credit = kind in NEGATIVE_KINDS
    series = "credit-notes" if is_credit else "invoices"
    if settings.INVOICE_NUMBERS_RESTART_YEARLY:
        series += f"-{day.year}"
    queue_for([("invoice-counter", series)])
    row = documents.find_one_and_update(
        InvoiceCounter, {"_id": series}, {"$inc": {"last": 1}}, returning=("last",), upsert=True
    )
    assert row is not None  # noqa: S101
    form = settings.CREDIT_NOTE_NUMBER if is_credit else settings.INVOICE_NUMBER
    return series, row["last"], form.format(year=day.year, number=row["last"])
