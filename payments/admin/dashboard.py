import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from orders.statistics import DailySales, sales_by_day
from payments.admin.labels import EVENT_LABELS, amount_of, refund_badge
from payments.models import Refund, StripeEvent
from payments.statistics import DailyRefunds, refunds_by_day
from shop import money
from shop.admin.dashboard import Figure, Panel, number_of, on_dashboard
from shop.admin.html import badge, list_url, price

DAYS = 30
ROWS = 6


@on_dashboard("orders.order", "payments.payment", "payments.refund")
def sales() -> Iterator[Panel]:
    sold, refunded = sales_by_day(count=DAYS), refunds_by_day(count=DAYS)
    periods = (("Today", 1), ("Last 7 days", 7), (f"Last {DAYS} days", DAYS))
    yield Panel(
        100,
        "Sales by day",
        "admin/dashboard/sales.html",
        {
            "periods": [_period(label, sold[-count:], refunded[-count:]) for label, count in periods],
            "chart": json.dumps(_chart(sold, refunded)),
            "days": [
                (day.day, day.orders, price(day.amount), price(back.amount), price(day.amount - back.amount))
                for day, back in zip(reversed(sold), reversed(refunded), strict=True)
            ],
        },
        note=(
            "Orders count in full on the day of payment, refunds on the day they were requested, in the time zone "
            f"{settings.TIME_ZONE}. Disputed payments are not deducted."
        ),
        wide=True,
    )


def _period(label: str, sold: Sequence[DailySales], refunded: Sequence[DailyRefunds]) -> dict[str, Any]:
    taken = sum((day.amount for day in sold), money.ZERO)
    back = sum((day.amount for day in refunded), money.ZERO)
    return {
        "label": label,
        "net": price(taken - back),
        "orders": sum(day.orders for day in sold),
        "refunded": price(back) if back else "",
    }


def _chart(sold: Sequence[DailySales], refunded: Sequence[DailyRefunds]) -> dict[str, Any]:
    """Return Chart.js data: sales upwards, refunds downwards."""
    return {
        "labels": [f"{day.day.day} {day.day:%b}" for day in sold],
        "datasets": [
            _bars("Sales", "primary-500", [day.amount for day in sold]),
            _bars("Refunds", "red-500", [-day.amount for day in refunded]),
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
