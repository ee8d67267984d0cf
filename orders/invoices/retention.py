from datetime import date, datetime, time

from django.conf import settings

from orders.invoices.models import Invoice
from shop import days, jobs
from shop.jobs import Cursor
from shop.jobs.retention import delete_in_batches


def kept_since() -> date:
    """Return the first day of the oldest year whose invoices are kept."""
    if not settings.INVOICE_YEARS:
        return date.min
    return date(days.today().year - settings.INVOICE_YEARS, 1, 1)


@jobs.every_in_slices(24 * 3600, name="orders.delete_old_invoices")
def delete_old_invoices(cursor: Cursor) -> Cursor:
    if (oldest := kept_since()) == date.min:
        return None
    return delete_in_batches(Invoice, {"issued_on": {"$lt": datetime.combine(oldest, time.min)}})
