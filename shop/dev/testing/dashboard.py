"""Steps of tests about the admin's dashboard."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from orders import services as orders
from orders.models import Order
from orders.refund_entries import RefundEntry
from orders.reports import totals as reports
from payments.models import Payment, Refund
from shop import days
from shop.admin.dashboard import Figure
from shop.dev.testing.admin import ordered


def paid(customer: User, *products: Product, at: datetime | None = None, quantity: int = 1) -> Order:
    """A paid order, with the time of its payment."""
    order = ordered(customer, *products, quantity=quantity)
    orders.mark_paid(order_id=order.pk)
    if at is not None:
        Order.objects.filter(pk=order.pk).update(paid_at=at, paid_on=timezone.localdate(at, days.zone()))
    return Order.objects.get(pk=order.pk)


def refunded(order: Order, amount: int, *, status: str = "succeeded", at: datetime | None = None) -> Refund:
    payment, _ = Payment.objects.get_or_create(
        order=order,
        defaults={"order_number": order.number, "amount": 1490, "currency": "usd", "status": "succeeded"},
    )
    refund = Refund.objects.create(
        payment=payment,
        amount=amount,
        currency="usd",
        status=status,
        actor="staff",
        stripe_refund=f"re_{Refund.objects.count()}",
        created_at=at or timezone.now(),
    )
    order.refunds.append(
        RefundEntry(refund=refund.pk, amount=Decimal(amount) / 100, status=status, created_at=refund.created_at)
    )
    Order.objects.filter(pk=order.pk).update(refunds=order.refunds)
    return refund


def look(browser: Client, **query: str) -> Any:
    page = browser.get("/admin/", query)
    assert page.status_code == 200
    return page


def count_totals() -> None:
    reports.mark_all_days()
    while reports.calculate_changed_days(None):
        pass


def figures(browser: Client) -> dict[str, Figure]:
    return {figure.label: figure for figure in look(browser).context["figures"]}


def panel(browser: Client, title: str, **query: str) -> dict[str, Any]:
    return next(each.data for each in look(browser, **query).context["panels"] if each.title == title)


def compared(browser: Client, **query: str) -> dict[str, tuple[str, str, str]]:
    return {name: tuple(rest) for name, *rest in panel(browser, "Sales", **query)["figures"]}


def chart(browser: Client) -> tuple[dict[str, float], dict[str, float]]:
    """The days on which something was sold, and those on which something was refunded, with their amounts."""
    count_totals()
    drawn = json.loads(panel(browser, "Sales")["chart"])
    sold, back = (
        {day: n for day, n in zip(drawn["labels"], each["data"], strict=True) if n} for each in drawn["datasets"]
    )
    return sold, back
