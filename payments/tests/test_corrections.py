"""Corrected addresses: totals, the payment's amount, refunds and differences."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import ADDRESS, client_of
from orders.models import Order, ShippingMethod, TaxRate
from payments.models import Payment, Refund
from shop import jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.guests import place_guest_order
from shop.dev.testing.mails import link_in
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, dump_database, order_of, place_order, run_concurrently
from shop.dev.testing.stripe_steps import deliver, open_payment, pay
from shop.jobs import Job

pytestmark = pytest.mark.django_db

# 10.00 and 5.00 of shipping: 15.00, 16.50 with tax in France, 18.00 in Germany.
TOTALS = {"GB": "15.00", "FR": "16.50", "DE": "18.00"}


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    ShippingMethod.objects.create(code="standard", name="Standard", price="5.00")
    TaxRate.objects.create(country="FR", rate=Decimal(10))
    TaxRate.objects.create(country="DE", rate=Decimal(20))


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", price="10.00", stock=9)


def to(country: str, **changes: str) -> dict[str, Any]:
    return {"shipping_address": {**ADDRESS, "country": country, "postal_code": "10115", **changes}}


def correct(client: APIClient, number: str, country: str, **body: Any) -> Any:
    return client.patch(f"{API}/orders/{number}/", {**to(country), **body}, format="json")


def amounts(simulator: StripeSimulator) -> list[tuple[int, str]]:
    return [(each["amount"], each["status"]) for each in simulator.state()["payment_intents"]]


def finish(simulator: StripeSimulator) -> None:
    """Deliver all events, run all jobs, and check the whole database."""
    for _ in range(3):
        deliver(simulator)
        Job.objects.update(run_at="2020-01-01T00:00:00Z")
        jobs.run_due()
    call_command("audit")


def test_an_unpaid_order_costs_what_its_new_place_costs(
    as_customer: APIClient, as_staff: APIClient, simulator: StripeSimulator, mug: Product
) -> None:
    number = place_order(as_customer, mug, **to("GB"))["number"]
    before = dump_database()
    quote = as_staff.post(f"{API}/orders/{number}/correction-quote/", to("DE"), format="json")
    assert quote.json() | {"tax_lines": []} == {
        "total_before": "15.00",
        "shipping": "5.00",
        "tax": "3.00",
        "tax_lines": [],
        "total": "18.00",
        "difference": "3.00",
    }
    assert dump_database() == before
    reply = correct(as_staff, number, "DE", expected_total="17.00")
    assert refusal(reply, 409) == ("total_changed", "expected_total")
    changed = correct(as_staff, number, "DE", expected_total="18.00", tags=["moved"]).json()
    assert (changed["total"], changed["amount_due"], changed["tags"]) == ("18.00", "0.00", ["moved"])
    assert changed["billing_address"]["country"] == "DE"
    assert changed["timeline"][-1]["staff"]["name"] == "Boss"
    # A name changes no total, though rates have changed since, and the same address nothing at all.
    TaxRate.objects.update(rate=Decimal(50))
    named = as_staff.patch(f"{API}/orders/{number}/", to("DE", name="Ada King"), format="json").json()
    assert (named["total"], named["shipping_address"]["name"]) == ("18.00", "Ada King")
    again = as_staff.patch(f"{API}/orders/{number}/", to("DE", name="Ada King"), format="json").json()
    assert again == named
    # Prices of today do not matter, those of the order do.
    assert as_staff.patch(f"{API}/products/{mug.pk}/", {"price": "99.00"}, format="json").status_code == 200
    TaxRate.objects.filter(country="FR").update(rate=Decimal(10))
    assert correct(as_staff, number, "FR").json()["total"] == TOTALS["FR"]
    open_payment(as_customer, number)
    assert amounts(simulator) == [(1650, "requires_payment_method")]
    # The open PaymentIntent follows.
    assert correct(as_staff, number, "GB").json()["total"] == TOTALS["GB"]
    assert amounts(simulator) == [(1500, "requires_payment_method")]
    pay(as_customer, simulator, number)
    finish(simulator)
    assert order_of(as_customer, number)["payment_status"] == "paid"
    assert Payment.objects.get().amount_received == 1500


def test_a_customer_who_pays_a_former_amount_is_refunded_or_owes_the_rest(
    as_customer: APIClient, as_staff: APIClient, simulator: StripeSimulator, mug: Product
) -> None:
    for country, due, refunded in (("DE", "3.00", []), ("GB", "0.00", [150])):
        number = place_order(as_customer, mug, **to("GB" if country == "DE" else "FR"))["number"]
        intent = open_payment(as_customer, number)["payment_intent"]
        # Stripe takes no other amount any more, and its event comes later.
        simulator.pay(intent, "pm_card_visa")
        assert correct(as_staff, number, country).status_code == 200
        finish(simulator)
        order = order_of(as_staff, number)
        assert (order["status"], order["total"], order["amount_due"]) == ("completed", TOTALS[country], due)
        row = Payment.objects.get(intent=intent)
        assert list(Refund.objects.filter(payment=row).values_list("amount", flat=True)) == refunded


def test_a_paid_order_is_refunded_waived_or_asked_for_the_difference(
    as_customer: APIClient, as_staff: APIClient, simulator: StripeSimulator, mug: Product
) -> None:
    number = place_order(as_customer, mug, **to("FR"))["number"]
    pay(as_customer, simulator, number)
    finish(simulator)
    mail.outbox.clear()
    assert correct(as_staff, number, "GB").status_code == 200
    finish(simulator)
    cheaper = order_of(as_staff, number)
    assert (cheaper["total"], cheaper["amount_due"], cheaper["payment_status"]) == (
        "15.00",
        "0.00",
        "partially_refunded",
    )
    assert [(refund["amount"], refund["status"]) for refund in cheaper["refunds"]] == [("1.50", "succeeded")]

    waived = correct(as_staff, number, "FR", waive_difference=True).json()
    assert (waived["total"], waived["amount_due"]) == ("16.50", "0.00")
    assert refusal(as_customer.post(f"{API}/payments/", {"order": number}), 409) == ("order_not_payable", None)

    asked = correct(as_staff, number, "DE").json()
    assert (asked["total"], asked["amount_due"]) == ("18.00", "1.50")
    finish(simulator)
    assert "1.50 USD are still to be paid" in mail.outbox[-1].body
    payment = open_payment(as_customer, number)
    assert open_payment(as_customer, number)["id"] == payment["id"]
    assert (payment["amount"], Payment.objects.count()) == (150, 2)
    # Less is due, before it is paid.
    TaxRate.objects.filter(country="FR").update(rate=Decimal(15))
    assert correct(as_staff, number, "FR").json()["amount_due"] == "0.75"
    pay(as_customer, simulator, number)
    finish(simulator)
    done = order_of(as_customer, number)
    assert (done["amount_due"], done["timeline"][-1]["event"]) == ("0.00", "difference_paid")
    assert refusal(as_customer.post(f"{API}/payments/", {"order": number}), 409) == ("order_not_payable", None)
    # Cancelling refunds both payments.
    assert as_staff.post(f"{API}/orders/{number}/cancel/", {"reason": "Lost"}).status_code == 200
    finish(simulator)
    assert order_of(as_customer, number)["payment_status"] == "refunded"
    assert not any(payment.refundable for payment in Payment.objects.all())


def test_a_guest_pays_a_difference_by_the_link_of_the_mail(
    as_staff: APIClient, simulator: StripeSimulator, mug: Product, settings: Any
) -> None:
    settings.INVOICES_ENABLED = True
    settings.SELLER_NAME, settings.SELLER_ADDRESS = "Teller Ltd", ["1 Plate Lane"]
    guest, order = place_guest_order(mug, **to("GB"))
    pay(guest, simulator, order["number"])
    finish(simulator)
    mail.outbox.clear()
    assert correct(as_staff, order["number"], "DE").json()["amount_due"] == "3.00"
    finish(simulator)
    token = link_in(mail.outbox[-1], f"orders/{order['number']}")["token"]
    opened = APIClient()
    opened.credentials(HTTP_X_ORDER_TOKEN=token)
    pay(opened, simulator, order["number"])
    finish(simulator)
    paid = order_of(opened, order["number"])
    assert paid["amount_due"] == "0.00"
    assert "Your order is now paid in full." in mail.outbox[-1].body
    # A withdrawal refunds both payments.
    returns = f"{API}/orders/{order['number']}/returns/"
    lines = [{"line": paid["lines"][0]["id"], "quantity": 1}]
    made = opened.post(returns, {"lines": lines, "withdrawal": True}, format="json").json()
    assert made["expected_refund"] == "18.00"
    assert as_staff.post(f"{returns}{made['id']}/approve/").json()["refund"]["amount"] == "15.00"
    finish(simulator)
    done = order_of(opened, order["number"])
    assert ([each["amount"] for each in done["refunds"]], done["net_total"]) == (["15.00", "3.00"], "0.00")
    assert (done["payment_status"], done["returns"][0]["status"]) == ("refunded", "refunded")
    # The first invoice was replaced.
    assert [(each["kind"], each["total"]) for each in done["credit_notes"]] == [
        ("invoice", "15.00"),
        ("cancellation", "15.00"),
        ("credit_note", "15.00"),
        ("credit_note", "3.00"),
    ]
    assert not Job.objects.exclude(attempts=0).exists()


def test_what_is_shipped_cancelled_or_foreign_is_not_corrected(
    as_customer: APIClient, as_staff: APIClient, simulator: StripeSimulator, mug: Product
) -> None:
    number = place_order(as_customer, mug, **to("GB"))["number"]
    assert correct(as_customer, number, "DE").status_code == 403
    assert refusal(correct(as_staff, number, "XX"), 400)[1] == "shipping_address.country"
    pay(as_customer, simulator, number)
    assert as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped"}).status_code == 200
    assert refusal(correct(as_staff, number, "DE"), 409) == ("order_not_correctable", None)
    finish(simulator)


@pytest.mark.parametrize("other", ["pay", "ship", "cancel"])
def test_corrections_race_with_other_changes(
    as_customer: APIClient,
    customer: User,
    staff: User,
    as_staff: APIClient,
    simulator: StripeSimulator,
    mug: Product,
    other: str,
) -> None:
    for country in ("FR", "GB"):
        number = place_order(as_customer, mug, **to("FR" if country == "GB" else "GB"))["number"]
        payment = open_payment(as_customer, number)
        if other == "ship":
            pay(as_customer, simulator, number)
        change = {
            "pay": lambda intent=payment["payment_intent"]: (
                simulator.pay(intent, "pm_card_visa") and deliver(simulator)
            ),
            "ship": lambda number=number: client_of(staff).post(
                f"{API}/orders/{number}/fulfil/", {"status": "shipped"}
            ),
            "cancel": lambda number=number: client_of(customer).post(f"{API}/orders/{number}/cancel/", {}),
        }[other]
        run_concurrently(change, lambda number=number, country=country: correct(client_of(staff), number, country))
        finish(simulator)
        order = Order.objects.get(number=number)
        received = sum(payment.amount_received for payment in Payment.objects.filter(order=order))
        if order.status == "completed":
            assert Decimal(received) / 100 == order.total - order.amount_due - order.adjustment


def test_staff_correct_addresses_in_the_admin(
    as_customer: APIClient, as_staff: APIClient, staff: User, simulator: StripeSimulator, mug: Product
) -> None:
    number = place_order(as_customer, mug, **to("GB"))["number"]
    pay(as_customer, simulator, number)
    order = Order.objects.get(number=number)
    browser: Client = browser_of(staff)
    address = url_of("orders.order", "addresses", order.pk)
    assert b'value="12 St James' in browser.get(address).content
    fields = {f"shipping-{name}": value for name, value in to("DE")["shipping_address"].items()} | {"same": "on"}
    assert (
        "Addresses of this country need this field."
        in browser.post(address, {**fields, "shipping-postal_code": ""}).content.decode()
    )
    page = browser.post(address, fields).content.decode()
    assert "18.00 USD" in page
    assert "Ask the customer to pay 3.00 USD" in page
    assert order_of(as_staff, number)["total"] == "15.00"
    saved = browser.post(address, {**fields, "save": "1", "total": "18.00", "waive": ""})
    assert saved.status_code == 302
    assert order_of(as_staff, number)["amount_due"] == "3.00"
    assert "Still to be paid" in browser.get(url_of("orders.order", "change", order.pk)).content.decode()
    assert browser.post(url_of("orders.order", "waive", order.pk), {}).status_code == 302
    assert order_of(as_staff, number)["amount_due"] == "0.00"
    finish(simulator)
