import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings

from orders.reports.reading import Grouping, Row, change, report, totals
from payments.admin.labels import EVENT_LABELS, amount_of, refund_badge
from payments.models import Refund, StripeEvent
from shop import money
from shop.admin.dashboard import Figure, Panel, number_of, on_dashboard, on_dashboard_by_period
from shop.admin.html import badge, list_url, price
from shop.admin.periods import Period

DAYS = 30
ROWS = 6


@on_dashboard_by_period("orders.order", "payments.payment", "payments.refund")
def sales(period: Period) -> Iterator[Panel]:
    rows = report(Grouping.DAY, period.first, period.last)
    now, before = totals(period.first, period.last)
    yield Panel(
        100,
        "Sales",
        "admin/dashboard/sales.html",
        {
            "period": period,
            "before": period.before,
            "figures": _figures(now, before),
            # A single day is in the figures.
            "chart": json.dumps(_chart(rows)) if len(rows) > 1 else "",
            "days": [
                (date.fromisoformat(row.key), row.orders, *map(price, (row.sales, row.refunds, row.net)))
                for row in reversed(rows)
            ],
        },
        note=(
            "Orders count in full on the day of payment, succeeded refunds on the day they were requested, in the time "
            f"zone {settings.TIME_ZONE}. Payments and refunds appear within a minute. Disputed payments are not "
            "deducted."
        ),
        wide=True,
    )


class Comparison(NamedTuple):
    label: str
    now: str
    before: str
    # In percent; "" if there was nothing before.
    change: str


def _figures(now: Row, before: Row) -> list[Comparison]:
    def compared(label: str, of: Callable[[Row], Any], show: Callable[[Any], str]) -> Comparison:
        return Comparison(label, show(of(now)), show(of(before)), change(of(now), of(before)))

    return [
        compared("Net sales", lambda row: row.net, price),
        compared("Sales", lambda row: row.sales, price),
        compared("Refunds", lambda row: row.refunds, price),
        compared("Orders", lambda row: row.orders, "{:,}".format),
        compared("Average order", lambda row: row.sales / row.orders if row.orders else money.ZERO, price),
        compared("Units", lambda row: row.units, "{:,}".format),
    ]


def _chart(rows: Sequence[Row]) -> dict[str, Any]:
    """Return Chart.js data: sales upwards, refunds downwards."""
    calendar = [date.fromisoformat(row.key) for row in rows]
    return {
        "labels": [f"{day.day} {day:%b}" for day in calendar],
        "datasets": [
            _bars("Sales", "primary-500", [row.sales for row in rows]),
            _bars("Refunds", "red-500", [-row.refunds for row in rows]),
        ],
    }


def _bars(label: str, colour: str, amounts: Sequence[Decimal]) -> dict[str, Any]:
    return {
        "label": label,
        "data": [float(money.quantize(amount)) for amount in amounts],
        "backgroundColor": f"var(--color-{colour})",
        "maxBarThickness": 18,
        "maxTicksXLimit": 10,
        "displayYAxis": True,
        "suffixYAxis": settings.CURRENCY.upper(),
    }


@on_dashboard("payments.refund")
def refunds() -> Iterator[Figure | Panel]:
    number, shown = number_of(Refund.objects.failed_lately())
    url = list_url("payments.refund", work="failed_lately")
    yield Figure(20, "Failed refunds", shown, url, f"in the last {DAYS} days", urgent=bool(number))
    rows = [
        {"refund": row, "amount": amount_of(row.amount, row.currency), "label": refund_badge(row)}
        for row in Refund.objects.order_by("-pk").prefetch_related("payment")[:ROWS]
    ]
    yield Panel(113, "Latest refunds", "admin/dashboard/refunds.html", {"rows": rows})


@on_dashboard("payments.stripeevent")
def failing_events() -> Iterator[Figure | Panel]:
    failed = StripeEvent.objects.filter(status=StripeEvent.Status.FAILED)
    number, shown = number_of(failed)
    url = list_url("payments.stripeevent", status__exact="failed")
    yield Figure(21, "Failed events", shown, url, "from Stripe, to be retried", urgent=bool(number))
    rows = [
        {"event": row, "label": badge(row.get_status_display(), EVENT_LABELS[row.status])}
        for row in failed.order_by("retry_at")[:ROWS]
    ]
    yield Panel(
        114,
        "Failed Stripe events",
        "admin/dashboard/events.html",
        {"rows": rows},
        note="The worker retries them automatically.",
    )
