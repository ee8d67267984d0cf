"""The accountant's export and the reports add up to the payments."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog.models import Product
from orders.models import Order, ShippingMethod, TaxRate
from orders.reports.models import ChangedDay, DailyTotal
from orders.reports.reading import previous
from payments.models import Payment
from shop import days
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, in_dialog, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.mails import work
from shop.dev.testing.steps import API, add_to_cart, place_order
from shop.dev.testing.stripe_steps import deliver, pay
from shop.dev.testing.tasks import run_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sold(
    settings: Any,
    as_customer: APIClient,
    as_staff: APIClient,
    make_category: Callable[..., Any],
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    simulator: StripeSimulator,
) -> None:
    """Two paid orders, one of them refunded in part, and their totals."""
    settings.INVOICES_ENABLED, settings.PRICES_INCLUDE_TAX = True, True
    settings.SELLER_NAME, settings.SELLER_ADDRESS = "Teller Ltd", ["1 Plate Lane"]
    TaxRate.objects.create(country="GB", label="VAT", rate="20")
    Promotion.objects.create(code="TEN", name="Ten off", kind="percentage", value=10)
    mug = make_product("Mug", price="19.99", category=make_category("Mugs"))
    book = make_product("=Book", price="7.77", tax_class="zero")
    add_to_cart(as_customer, mug, 2)
    add_to_cart(as_customer, book)
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "ten"}).status_code == 200
    numbers = [place_order(as_customer)["number"], place_order(as_customer, mug)["number"]]
    payments = [pay(as_customer, simulator, number) for number in numbers]
    assert as_staff.post(f"{API}/payments/{payments[0]['id']}/refunds/", {"amount": "5.00"}).status_code == 201
    deliver(simulator)
    work()
    run_task("orders.calculate_totals")
    assert not ChangedDay.objects.exists()


def received() -> Decimal:
    minor = sum(each.amount_received - each.amount_refunded for each in Payment.objects.all())
    return Decimal(minor) / 100


def test_the_export_adds_up_to_the_payments(sold: None, staff: User, tmp_path: Path) -> None:
    today = str(days.today())
    path = tmp_path / "invoices.xlsx"
    call_command("export_invoices", str(path), first=days.today(), last=days.today())
    sheet = openpyxl.load_workbook(path)["Invoices"]
    headings, *rows = sheet.iter_rows(values_only=True)
    gross = headings.index("Gross")
    assert [row[1] for row in rows].count("Credit note") == 1
    assert sum(Decimal(str(row[gross])) for row in rows) == received()

    url = f"{url_of('orders.invoice', 'export')}?first={today}&last={today}&format=csv"
    text = browser_of(staff).get(url).content.decode("utf-8-sig")
    found = list(csv.DictReader(io.StringIO(text)))
    assert sorted(row["Type"] for row in found) == ["Credit note", "Invoice", "Invoice"]
    for row in found:
        assert Decimal(row["Net"]) + Decimal(row["Tax"]) == Decimal(row["Gross"])
        parts = [Decimal(row[name] or 0) for name in row if name.startswith(("Net ", "Tax ")) and name != "Tax number"]
        assert sum(parts) == Decimal(row["Gross"])
    assert sum(Decimal(row["Gross"]) for row in found) == received()
    tomorrow = days.today() + timedelta(days=1)
    empty = browser_of(staff).get(url.replace(today, str(tomorrow))).content.decode("utf-8-sig")
    assert len(empty.splitlines()) == 1


def test_reports_read_totals_that_add_up_to_the_orders(sold: None, staff: User) -> None:
    total = sum(order.total for order in Order.objects.all())
    browser, url = browser_of(staff), url_of("orders.order", "reports")
    labels = {"product": ["Mug", "'=Book"], "category": ["Mugs", "No category"], "promotion": ["Ten off"]}
    labels |= {"country": ["United Kingdom"], "day": [str(day) for day in days.latest(30)]}
    for grouping, expected in labels.items():
        with count_commands() as commands:
            reply = browser.get(url, {"by": grouping, "format": "csv"})
        assert not commands.on("orders_order"), grouping
        rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))
        assert [next(iter(row.values())) for row in rows] == expected
        if grouping in ("day", "country"):
            assert sum(Decimal(row["Sales"]) for row in rows) == total
            assert sum(Decimal(row["Refunds"]) for row in rows) == 5
    lines = [line for order in Order.objects.all() for line in order.lines]
    products = DailyTotal.objects.filter(dimension="product")
    assert sum(row.sales for row in products) == sum(line.line_total - line.discount for line in lines)
    assert sum(row.units for row in products) == 4
    page = browser.get(url, {"by": "product"})
    assert b"Mug" in page.content
    assert browser.get(url, {"first": "2026-02-01", "last": "2026-01-01"}).status_code == 200
    call_command("audit")


def test_a_period_is_compared_with_the_one_before_it() -> None:
    first, last = days.latest(7)[0], days.today()
    before = previous(first, last)
    assert (before[1], before[1] - before[0]) == (first - timedelta(days=1), last - first)


def test_totals_are_calculated_again_without_twins(sold: None) -> None:
    before = list(DailyTotal.objects.order_by("dimension", "key").values_list("dimension", "key", "sales", "refunds"))
    for _ in range(2):
        ChangedDay.objects.create(day=days.today())
    run_task("orders.calculate_totals")
    again = DailyTotal.objects.order_by("dimension", "key").values_list("dimension", "key", "sales", "refunds")
    assert list(again) == before
    connection.database["orders_dailytotal"].update_one({"dimension": "day"}, {"$inc": {"orders": 1}})
    with pytest.raises(CommandError, match="3 violations"):
        call_command("audit")


def test_staff_issue_the_invoice_of_an_order_that_was_paid_before(sold: None, staff: User) -> None:
    order = Order.objects.last()
    Order.objects.filter(pk=order.pk).update(invoice=None, invoice_due=False)
    connection.database["orders_invoice"].delete_many({"order": order.pk})
    connection.database["orders_invoicecounter"].update_many({"_id": {"$regex": "^invoices"}}, {"$inc": {"last": -1}})
    browser = browser_of(staff)
    in_dialog(browser, url_of("orders.order", "invoice", order.pk), {})
    entry = Order.objects.get(pk=order.pk).invoice
    page = browser.get(url_of("orders.order", "change", order.pk)).content.decode()
    assert entry.number in page
    pdf = browser.get(url_of("orders.invoice", "download", entry.invoice))
    assert pdf.content.startswith(b"%PDF")
    listed = browser.get(url_of("orders.invoice"), {"q": order.number}).content.decode()
    assert entry.number in listed
    call_command("audit")
