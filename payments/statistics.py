from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import TruncDay

from payments.currencies import from_minor_units
from payments.models import Refund
from shop import days, money


class DailyRefunds(NamedTuple):
    day: date
    refunds: int
    amount: Decimal


def refunds_by_day(*, count: int) -> list[DailyRefunds]:
    """Return the latest days, oldest first; covered by the index ``refund_sums``."""
    calendar = days.latest(count)
    rows = (
        Refund.objects.filter(currency=settings.CURRENCY, created_at__gte=days.beginning(calendar[0]))
        .not_failed()
        .order_by()
        .annotate(day=TruncDay("created_at", tzinfo=days.zone()))
        .values("day")
        .annotate(refunds=Count("*"), minor=Sum("amount"))
    )
    found = {row["day"].date(): (row["refunds"], from_minor_units(row["minor"], settings.CURRENCY)) for row in rows}
    return [DailyRefunds(day, *found.get(day, (0, money.ZERO))) for day in calendar]
