"""A customer's purchases, for the customer's page in the admin."""

from decimal import Decimal

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from accounts import hooks
from accounts.models import User
from orders.admin.labels import order_badges
from orders.models import Order
from shop.admin.html import list_url, page_url, price
from shop.admin.lists import AtLeast, Count
from shop.db import documents

LATEST = 10
MOST_SUMMED = 1000


def orders_of(*, user: User) -> SafeString:
    """Return the sums of the newest orders, and the latest ones."""
    latest = list(Order.objects.owned_by(user).order_by("-pk")[:LATEST])
    placed, spent = _sums(user)
    context = {
        "placed": AtLeast(MOST_SUMMED) if placed > MOST_SUMMED else Count(placed),
        "spent": [price(amount, currency) for currency, amount in spent],
        "rows": [
            {
                "order": order,
                "url": page_url("orders.order", order.pk),
                "badges": order_badges(order),
                "total": price(order.total, order.currency),
            }
            for order in latest
        ],
        "all_url": list_url("orders.order", user=str(user.pk)),
    }
    return render_to_string("admin/orders/customer.html", context)


def _sums(user: User) -> tuple[int, list[tuple[str, Decimal]]]:
    """Return the number of orders and, by currency, the totals of those that are paid and not fully refunded."""
    rows = documents.aggregate(
        Order,
        [
            {"$match": {"user_id": user.pk}},
            {"$sort": {"_id": -1}},
            {"$limit": MOST_SUMMED + 1},
            {
                "$group": {
                    "_id": "$currency",
                    "placed": {"$sum": 1},
                    "spent": {"$sum": {"$cond": ["$counts_as_sale", "$total", 0]}},
                }
            },
            {"$sort": {"_id": 1}},
        ],
        index="order_user",
    )
    spent = [(row["_id"], Decimal(str(row["spent"]))) for row in rows]
    return sum(row["placed"] for row in rows), spent


hooks.orders_of.register(orders_of)
