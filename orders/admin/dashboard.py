from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from orders import holds, statistics
from orders.admin.labels import status_badge
from orders.models import Order
from orders.statuses import PaymentStatus
from shop import money
from shop.admin.dashboard import Figure, Panel, number_of, on_dashboard, on_dashboard_by_period
from shop.admin.html import badge, list_url, price, thumbnail
from shop.admin.periods import Period

SOON = timedelta(minutes=5)
ROWS = 6


@on_dashboard("orders.order")
def to_ship() -> Iterator[Figure]:
    _, shown = number_of(Order.objects.to_ship())
    url = list_url("orders.order", work="to_ship")
    yield Figure(10, "To ship", shown, url, "paid, unfulfilled")


@on_dashboard("orders.order")
def unpaid() -> Iterator[Figure | Panel]:
    waiting = Order.objects.unpaid()
    soon, shown_soon = number_of(waiting.filter(expires_at__lte=timezone.now() + SOON))
    hint = price(waiting.aggregate(amount=Sum("total"))["amount"] or money.ZERO)
    if soon:
        hint += f", {shown_soon} about to expire"
    yield Figure(11, "Unpaid", number_of(waiting)[1], list_url("orders.order", status__exact="pending"), hint)
    rows = [
        {"order": row, "amount": price(row.total, row.currency), "expires": row.expires_at}
        for row in waiting.order_by("expires_at")[:ROWS]
    ]
    yield Panel(
        111,
        "Unpaid orders",
        "admin/dashboard/orders.html",
        {"rows": rows, "none": "No unpaid orders."},
        note="Next to expire first. Their stock is held until then.",
    )


@on_dashboard("orders.order")
def unpaid_holders() -> Iterator[Figure | Panel]:
    holders = holds.suspicious_holders()
    _, shown = number_of(Order.objects.filter(holds.orders_at_limits(holders))) if holders else (0, "0")
    yield Figure(
        14,
        "At hold limits",
        shown,
        list_url("orders.order", work="at_hold_limits"),
        f"orders of {len(holders)} customers or networks",
        urgent=bool(holders),
    )
    people = User.objects.in_bulk([each.user for each in holders[:ROWS] if each.user])
    yield Panel(
        116,
        "Unpaid stock holders",
        "admin/dashboard/holders.html",
        {"rows": [{"holder": each, "person": people.get(each.user)} for each in holders[:ROWS]]},
        note="Customers and network addresses (hashed) that hold much stock unpaid, or do so repeatedly.",
    )


@on_dashboard("orders.order")
def needs_review() -> Iterator[Figure | Panel]:
    flagged = Order.objects.with_open_flag()
    # Open and lost disputes.
    disputed = Order.objects.with_statuses(payment_status=PaymentStatus.DISPUTED)
    number, shown = number_of(flagged)
    url = list_url("orders.order", flag="open")
    yield Figure(12, "Flagged", shown, url, "needs review", urgent=bool(number))
    number, shown = number_of(disputed)
    url = list_url("orders.order", payment_status__exact="disputed")
    yield Figure(13, "Disputed", shown, url, "chargebacks", urgent=bool(number))
    orders = [
        *flagged.order_by("-pk")[:ROWS],
        *disputed.exclude(flagged=True, flag_settled=False).order_by("-pk")[:ROWS],
    ]
    rows = [{"order": row, "amount": price(row.total, row.currency), "label": _reason(row)} for row in orders[:ROWS]]
    yield Panel(
        112,
        "Flagged and disputed orders",
        "admin/dashboard/orders.html",
        {"rows": rows, "none": "No orders need review."},
    )


def _reason(order: Order) -> str:
    if order.has_open_flag:
        return badge("Flagged", "danger")
    return status_badge(order, "payment_status")


@on_dashboard_by_period("orders.order")
def best_sellers(period: Period) -> Iterator[Panel]:
    rows = statistics.best_sellers(first=period.first, last=period.last, limit=ROWS)
    yield Panel(
        110,
        "Best sellers",
        "admin/dashboard/best_sellers.html",
        {
            "rows": [{"row": row, "thumbnail": thumbnail(row.image), "amount": price(row.amount)} for row in rows],
            "most": max((row.pieces for row in rows), default=0),
        },
        note=(
            "Units of orders paid in the period, and their sales before shipping and tax. "
            "Cancelled and fully refunded orders do not count."
        ),
    )
