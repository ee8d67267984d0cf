"""Invoices and credit notes: numbers, amounts, access, mails."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pypdfium2
import pytest
from django.core import mail as sent
from django.core.management import call_command
from rest_framework.test import APIClient

from cart.promotions.models import Promotion
from catalog.models import Product
from orders.invoices.issuing import issue_invoices
from orders.invoices.models import Invoice, InvoiceCounter
from orders.models import Order, ShippingMethod, TaxRate
from payments.models import Payment, Refund
from payments.transitions import apply_refund
from shop import jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.guests import place_guest_order
from shop.dev.testing.mails import work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order, run_concurrently
from shop.dev.testing.stripe_steps import deliver, pay

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = {
    "name": "Jörg Weiß",
    "company": "Weiß & Söhne GmbH",
    "tax_id": "DE129273398",
    "line1": "Hauptstraße 5",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


@pytest.fixture(autouse=True)
def seller(settings: Any) -> None:
    settings.INVOICES_ENABLED = True
    settings.SELLER_NAME, settings.SELLER_ADDRESS = "Teller Ltd", ["1 Plate Lane", "London", "United Kingdom"]
    settings.SELLER_TAX_ID = "GB123456789"


def text_of(pdf: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def refund(as_staff: APIClient, order: Order, simulator: StripeSimulator, amount: str = "") -> None:
    reply = as_staff.post(f"{API}/payments/{order.payment}/refunds/", {"amount": amount} if amount else {})
    assert reply.status_code == 201, reply.content
    deliver(simulator)


@pytest.fixture
def paid(
    request: pytest.FixtureRequest,
    settings: Any,
    as_customer: APIClient,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    simulator: StripeSimulator,
) -> Order:
    """A paid order over two rates, with a discount and shipping."""
    settings.PRICES_INCLUDE_TAX = getattr(request, "param", True)
    TaxRate.objects.create(country="DE", label="VAT", rate="19")
    TaxRate.objects.create(country="DE", label="VAT", rate="7", tax_class="reduced")
    Promotion.objects.create(code="TEN", name="Ten off", kind="percentage", value=10)
    add_to_cart(as_customer, make_product("Mug", price="19.99"), 3)
    add_to_cart(as_customer, make_product("Book", price="7.77", tax_class="reduced"), 1)
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "ten"}).status_code == 200
    number = place_order(as_customer, shipping_address=ADDRESS)["number"]
    pay(as_customer, simulator, number)
    return Order.objects.get(number=number)


@pytest.mark.parametrize("paid", [True, False], indirect=True)
def test_invoice_and_credit_notes_add_up_to_the_order(
    paid: Order, as_staff: APIClient, as_customer: APIClient, simulator: StripeSimulator
) -> None:
    assert order_of(as_customer, paid.number)["invoice"] is None
    work()
    invoice = Invoice.objects.get()
    assert (invoice.total, invoice.tax) == (paid.total, paid.tax)
    assert [(each.label, each.rate, each.tax) for each in invoice.tax_lines] == [
        (each.label, each.rate, each.amount) for each in paid.tax_lines
    ]
    assert [line.name for line in invoice.lines] == ["Mug", "Book", "Shipping, Standard"]

    for amount in ("0.01", "10.00", ""):
        refund(as_staff, paid, simulator, amount)
    work()
    notes = list(Invoice.objects.filter(kind="credit_note").order_by("sequence"))
    assert [note.corrects for note in notes] == [invoice.number] * 3
    assert sum(note.total for note in notes) == paid.total
    assert sum(note.tax for note in notes) == paid.tax
    for rate in (Decimal(19), Decimal(7)):
        parts = [each for note in notes for each in note.tax_lines if each.rate == rate]
        (whole,) = [each for each in invoice.tax_lines if each.rate == rate]
        assert sum(each.tax for each in parts) == whole.tax
        assert sum(each.net for each in parts) == whole.net
    shown = order_of(as_customer, paid.number)
    assert shown["invoice"]["number"] == invoice.number
    assert [(each["id"], each["number"], each["total"]) for each in shown["credit_notes"]] == [
        (str(note.pk), note.number, f"{note.total:f}") for note in notes
    ]
    call_command("audit")


def test_the_pdf_prints_the_invoice(paid: Order, as_customer: APIClient) -> None:
    url = f"{API}/orders/{paid.number}/invoice/"
    assert refusal(as_customer.get(url), 409)[0] == "invoice_not_issued"
    missing = as_customer.get(url, headers={"Accept": "application/pdf"})
    assert (refusal(missing, 409)[0], missing.headers["Content-Type"]) == ("invoice_not_issued", "application/json")
    (mail,) = (each for each in work() if "is paid" in each.subject)
    assert mail.attachments == []  # The address is not verified.
    reply = as_customer.get(f"{API}/orders/{paid.number}/invoice/", headers={"Accept": "application/pdf"})
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/pdf")
    number = Invoice.objects.get().number
    assert reply.headers["Content-Disposition"] == f'attachment; filename="invoice-{number}.pdf"'
    text = text_of(reply.content)
    for part in (number, paid.number, "Weiß & Söhne GmbH", "DE129273398", "10115 Berlin", "Teller Ltd", "GB123456789"):
        assert part in text
    for part in ("Mug", "19.99", "VAT 19%", "VAT 7%", "Ten off", "Shipping, Standard", f"{paid.total:f}"):
        assert part in text
    export = as_customer.get(f"{API}/users/me/export/").content.decode()
    assert "Weiß & Söhne GmbH" in export.partition('"invoices"')[2]
    Order.objects.update(billing_address=None, shipping_address=None, lines=[])
    assert as_customer.get(f"{API}/orders/{paid.number}/invoice/").content == reply.content


def test_owner_guest_and_staff_read_them_and_no_one_else(
    paid: Order,
    as_staff: APIClient,
    as_customer: APIClient,
    as_stranger: APIClient,
    anonymous: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
) -> None:
    guest, order = place_guest_order(make_product())
    pay(guest, simulator, order["number"])
    refund(as_staff, paid, simulator, "1.00")
    work()
    note = Invoice.objects.get(kind="credit_note")
    for url in (f"orders/{paid.number}/invoice/", f"orders/{paid.number}/credit-notes/{note.pk}/"):
        seen = {each.get(f"{API}/{url}").status_code for each in (as_customer, as_staff)}
        assert seen == {200}, url
        hidden = [each.get(f"{API}/{url}").status_code for each in (as_stranger, guest, anonymous)]
        assert hidden == [404, 404, 401], url
    assert guest.get(f"{API}/orders/{order['number']}/invoice/").status_code == 200
    other = Invoice.objects.get(kind="invoice", order_number=paid.number)
    assert as_customer.get(f"{API}/orders/{paid.number}/credit-notes/{other.pk}/").status_code == 404


def test_a_verified_customer_receives_the_pdfs(
    customer: Any, paid: Order, as_staff: APIClient, simulator: StripeSimulator
) -> None:
    type(customer).objects.update(email_verified=True)
    jobs.Job.objects.exclude(kind="orders.mail").update(urgent=False)
    assert not any("is paid" in each.subject for each in work())
    jobs.Job.objects.update(run_at=paid.created_at)
    (mail,) = (each for each in work() if "is paid" in each.subject)
    assert [each[0] for each in mail.attachments] == [f"invoice-{Invoice.objects.get().number}.pdf"]
    refund(as_staff, paid, simulator)
    work()
    jobs.Job.objects.update(run_at=paid.created_at)
    work()
    (refunded,) = (each for each in sent.outbox if "refund" in each.subject)
    assert [each[0][:11] for each in refunded.attachments] == ["credit-note"]


def test_a_refund_that_fails_after_all_is_charged_again(
    paid: Order, as_staff: APIClient, simulator: StripeSimulator
) -> None:
    refund(as_staff, paid, simulator)
    work()
    row = Refund.objects.get()
    apply_refund(
        {
            "id": row.stripe_refund,
            "payment_intent": Payment.objects.get().intent,
            "status": "failed",
            "amount": row.amount,
        }
    )
    work()
    _, note, reversal = Invoice.objects.order_by("pk")
    assert (reversal.kind, reversal.corrects, reversal.total, reversal.tax) == (
        "reversal",
        note.number,
        note.total,
        note.tax,
    )
    call_command("audit")


def test_only_orders_paid_with_a_seller_have_invoices(
    settings: Any, paid: Order, as_staff: APIClient, simulator: StripeSimulator
) -> None:
    Order.objects.update(invoice_due=False)
    refund(as_staff, paid, simulator, "1.00")
    work()
    assert not Invoice.objects.exists()
    call_command("audit")


def test_an_order_gets_one_invoice_however_often_it_is_asked(paid: Order) -> None:
    def issue() -> None:
        issue_invoices.enqueue(order=str(paid.pk))
        while jobs.run_due():
            pass

    run_concurrently(*[issue] * 4)
    assert Invoice.objects.count() == 1
    assert dict(InvoiceCounter.objects.values_list("series", "last")) == {Invoice.objects.get().series: 1}
