"""Invoices and credit notes add up to the payments, whatever happens to an order."""

import csv
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import ADDRESS
from orders.invoices.models import Invoice
from orders.models import Order, ShippingMethod, TaxRate
from orders.reports.models import DailyTotal
from payments.models import Payment, Refund
from payments.transitions import apply_refund
from shop import audit, days
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.mails import work
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order
from shop.dev.testing.stripe_steps import events, post_event
from shop.dev.testing.tasks import run_task

pytestmark = pytest.mark.django_db

RATES = {"GB": 0, "FR": 10, "DE": 19}
STEPS = (
    *("pay", "pay a former amount", "to GB", "to FR", "to DE", "to DE, waived", "to FR, waived", "waive", "new name"),
    *("refund an amount", "refund a line", "refund fails", "ship", "return", "cancel", "lose a dispute"),
)


@pytest.fixture(autouse=True)
def shop(settings: Any, db: None) -> None:
    settings.INVOICES_ENABLED = True
    settings.SELLER_NAME, settings.SELLER_ADDRESS = "Teller Ltd", ["1 Plate Lane"]
    ShippingMethod.objects.create(code="standard", name="Standard", price="4.90")
    for country, rate in RATES.items():
        TaxRate.objects.create(country=country, label="VAT", rate=Decimal(rate))


class Journey:
    """An order, and the steps of its customer and of staff. A step that is refused changes nothing."""

    def __init__(self, customer: APIClient, as_staff: APIClient, staff: User, simulator: StripeSimulator) -> None:
        self.customer, self.staff, self.browser, self.simulator = customer, as_staff, browser_of(staff), simulator
        self.seen = len(events(simulator))
        self.number = place_order(customer, shipping_address={**ADDRESS, "country": "FR"})["number"]

    @property
    def order(self) -> Order:
        return Order.objects.get(number=self.number)

    def take(self, step: str) -> None:
        order, url = self.order, f"{API}/orders/{self.number}/"
        payments = list(Payment.objects.filter(order=order).order_by("-part"))
        match step.split(","):
            case ["pay"]:
                self.pay()
            case ["pay a former amount"]:
                if (intent := self.open()) is not None:
                    self.simulator.pay(intent, "pm_card_visa")
                    self.correct("DE")
            case ["waive"]:
                self.browser.post(url_of("orders.order", "waive", order.pk), {})
            case ["new name"]:
                self.staff.patch(url, {"billing_address": {**ADDRESS, "company": "Engines Ltd"}}, format="json")
            case ["refund an amount"]:
                for each in payments[-1:]:
                    self.staff.post(f"{API}/payments/{each.pk}/refunds/", {"amount": "1.23"})
            case ["refund a line"]:
                body = {"lines": [{"line": str(order.lines[0].variant), "quantity": 1, "restock": True}]}
                for each in payments[-1:]:
                    self.staff.post(f"{API}/payments/{each.pk}/refunds/", body, format="json")
            case ["refund fails"]:
                for refund in Refund.objects.filter(payment__in=payments, status="succeeded").order_by("-pk")[:1]:
                    intent = next(each.intent for each in payments if each.pk == refund.payment_id)
                    answer = {"id": refund.stripe_refund, "payment_intent": intent, "amount": refund.amount}
                    apply_refund({**answer, "status": "failed"})
            case ["ship"]:
                self.staff.post(f"{url}fulfil/", {"status": "shipped"})
            case ["return"]:
                body = {"lines": [{"line": str(order.lines[1].variant), "quantity": 1}]}
                made = self.customer.post(f"{url}returns/", body, format="json")
                if made.status_code == 201:
                    one = f"{url}returns/{made.json()['id']}/"
                    assert self.staff.post(f"{one}approve/").status_code == 200
                    self.staff.post(f"{one}receive/", {}, format="json")
            case ["cancel"]:
                self.staff.post(f"{url}cancel/", {})
            case ["lose a dispute"]:
                for each in payments[-1:]:
                    if each.amount_received and not order.is_disputed:
                        dispute = self.simulator.dispute(each.intent)
                        self.simulator.close_dispute(dispute["id"], won=False)
            case [place, *waived]:
                self.correct(place.removeprefix("to "), waive_difference=bool(waived))
        self.catch_up()

    def open(self) -> str | None:
        reply = self.customer.post(f"{API}/payments/", {"order": self.number})
        return reply.json()["payment_intent"] if reply.status_code in (200, 201) else None

    def pay(self) -> None:
        if (intent := self.open()) is not None:
            self.simulator.pay(intent, "pm_card_visa")

    def correct(self, country: str, **body: Any) -> None:
        address = {"shipping_address": {**ADDRESS, "country": country, "postal_code": "10115"}}
        self.staff.patch(f"{API}/orders/{self.number}/", {**address, **body}, format="json")

    def catch_up(self) -> None:
        """Deliver new events and run all jobs."""
        for _ in range(2):
            found = events(self.simulator)
            for event in found[self.seen :]:
                assert post_event(event).status_code == 200
            self.seen = len(found)
            work()

    def check(self, path: Path) -> None:
        """Compare the export with the payments."""
        call_command("export_invoices", str(path), first=days.today(), last=days.today())
        with path.open(encoding="utf-8-sig") as file:
            found = [row for row in csv.DictReader(file) if row["Order"] == self.number]
        rows = [row for row in found if row["Type"] != "Lost dispute"]
        payments = Payment.objects.filter(order=self.order)
        refunds = Refund.objects.filter(payment__in=payments, status="succeeded")
        left = sum(each.amount_received for each in payments) - sum(refund.amount for refund in refunds)
        assert sum(Decimal(row["Gross"]) for row in rows) == Decimal(left) / 100
        lost = [row for row in found if row["Type"] == "Lost dispute"]
        disputes = [each for each in self.order.disputes if each.lost_at]
        assert [Decimal(row["Gross"]) for row in lost] == [-each.amount for each in disputes]
        assert all((row["Net"], row["Dispute fee"], row["Fee currency"]) == ("", "15.00", "USD") for row in lost)
        by_country: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            by_country[row["Country"]] += Decimal(row["Gross"])
        order = self.order
        if order.invoice is not None:
            current = Invoice.objects.get(pk=order.invoice.invoice)
            # Former invoices leave nothing behind, in the taxes of another country either.
            assert {country for country, amount in by_country.items() if amount} <= {current.country}
            assert len(rows) == 1 + len(order.credit_notes)


@pytest.fixture
def start(
    as_customer: APIClient,
    as_staff: APIClient,
    staff: User,
    simulator: StripeSimulator,
    make_product: Callable[..., Product],
) -> Callable[[], Journey]:
    mug, book = make_product("Mug", price="9.99", stock=999), make_product("Book", price="7.77", stock=999)

    def started() -> Journey:
        add_to_cart(as_customer, mug, 2)
        add_to_cart(as_customer, book)
        return Journey(as_customer, as_staff, staff, simulator)

    return started


EXAMPLES = settings(
    max_examples=4,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_documents_add_up_to_the_payments(start: Callable[[], Journey], settings: Any, tmp_path: Path) -> None:
    django_settings = settings

    @EXAMPLES
    @given(includes_tax=st.booleans(), steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=8))
    @example(True, ["to DE", "refund an amount", "new name", "to GB", "cancel"])
    @example(False, ["to DE", "pay", "refund an amount", "to GB", "to FR", "pay", "refund a line", "refund fails"])
    @example(False, ["to DE, waived", "refund a line", "ship", "return", "lose a dispute"])
    @example(False, ["to GB", "refund fails", "refund an amount", "to DE", "waive", "cancel"])
    def add_up(includes_tax: bool, steps: list[str]) -> None:
        django_settings.PRICES_INCLUDE_TAX = includes_tax
        journey = start()
        for step in [steps[0], "pay", *steps[1:]] if steps[0] == "pay a former amount" else ["pay", *steps]:
            journey.take(step)
            journey.check(tmp_path / "invoices.csv")
        run_task("orders.calculate_totals")
        left = sum(each.amount_received - each.amount_refunded for each in Payment.objects.all())
        lost = sum(each.amount for order in Order.objects.all() for each in order.disputes)
        for dimension in ("day", "country"):
            totals = DailyTotal.objects.filter(dimension=dimension)
            assert sum(each.sales - each.refunds for each in totals) == Decimal(left) / 100
            assert sum(each.disputes for each in totals) == lost
        assert audit.violations() == []

    add_up()


def test_a_corrected_order_has_a_new_invoice(
    start: Callable[[], Journey], as_customer: APIClient, settings: Any
) -> None:
    """More is paid by a second payment, less is refunded, and only the address changes."""
    journey = start()
    journey.take("pay")
    (first,) = Invoice.objects.all()
    journey.take("to DE")
    # Not while the difference is to be paid.
    assert list(Invoice.objects.all()) == [first]
    journey.take("pay")
    _, cancelled, second = Invoice.objects.order_by("pk")
    assert (cancelled.kind, cancelled.corrects, cancelled.total) == ("cancellation", first.number, first.total)
    assert (second.kind, second.corrects, second.country) == ("invoice", first.number, "DE")
    assert second.total == journey.order.total == Decimal("38.86")
    assert [(each.label, each.rate, each.tax) for each in second.tax_lines] == [("VAT", 19, journey.order.tax)]
    shown = order_of(as_customer, journey.number)
    assert shown["invoice"]["number"] == second.number
    assert [(each["kind"], each["number"]) for each in shown["credit_notes"]] == [
        ("invoice", first.number),
        ("cancellation", cancelled.number),
    ]
    for each in shown["credit_notes"]:
        reply = as_customer.get(f"{API}/orders/{journey.number}/credit-notes/{each['id']}/")
        assert (reply.status_code, reply.content[:4]) == (200, b"%PDF")

    url = f"{API}/payments/{journey.order.payment}/refunds/"
    assert journey.staff.post(url, {"amount": "1.23"}).status_code == 201
    # The currency is the order's, whatever that of the shop is now.
    settings.CURRENCY = "jpy"
    journey.catch_up()
    settings.CURRENCY = "usd"
    journey.take("to GB")
    *_, note, credit_reversed, _, third, again = Invoice.objects.order_by("pk")
    assert (note.kind, note.corrects, note.total) == ("credit_note", second.number, Decimal("1.23"))
    assert (credit_reversed.kind, credit_reversed.corrects) == ("reversal", note.number)
    assert (third.kind, third.total, third.tax) == ("invoice", journey.order.total, 0)
    assert (again.kind, again.corrects, again.total) == ("credit_note", third.number, note.total)
    # The customer's refund of the difference has no credit note.
    assert Refund.objects.count() == 2
    number = Invoice.objects.count()
    journey.take("to GB")
    work()
    assert Invoice.objects.count() == number
    journey.take("new name")
    assert Invoice.objects.count() == number + 4
    assert journey.order.invoice.number != third.number
    assert Invoice.objects.order_by("pk").last().buyer.name == "Engines Ltd"
    call_command("audit")
