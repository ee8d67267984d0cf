"""Each status has a label, a badge and an invariant."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.db.models import Field, Model
from rest_framework.test import APIClient

from catalog.admin.imports import STATE_LABELS
from catalog.importing.models import ImportRun
from catalog.models import Product
from orders.events import Event
from orders.lifecycle import STATUSES, TRANSITIONS
from orders.models import Order, TimelineEntry
from orders.statuses import FulfilmentStatus, OrderStatus, PaymentStatus
from payments.admin.labels import EVENT_LABELS, INTENT_LABELS, REFUND_LABELS
from payments.models import Payment, Refund, StripeEvent
from shop import audit
from shop.admin.html import badge
from shop.audit import running
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.stripe_simulator.errors import ApiError
from shop.dev.testing.admin import browser_of, url_of, without_rendering
from shop.dev.testing.steps import API, place_order
from shop.dev.testing.stripe_steps import deliver, open_payment
from shop.webhooks.admin import LABELS as DELIVERY_LABELS
from shop.webhooks.models import WebhookDelivery

pytestmark = pytest.mark.django_db(transaction=True)

APPS = ("accounts", "catalog", "cart", "orders", "payments", "shop")
# The colours of each field of statuses.
COLOURS: dict[tuple[type[Model], str], dict[str, str]] = {
    **{(Order, field): {status: row.badge for status, row in statuses.items()} for field, statuses in STATUSES.items()},
    (Payment, "status"): INTENT_LABELS,
    (Refund, "status"): REFUND_LABELS,
    (StripeEvent, "status"): EVENT_LABELS,
    (ImportRun, "state"): STATE_LABELS,
    (WebhookDelivery, "status"): DELIVERY_LABELS,
}
# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-status; empty before Stripe has answered.
INTENT_STATUSES = {
    "": "not opened",
    "requires_payment_method": "requires payment method",
    "requires_confirmation": "requires confirmation",
    "requires_action": "requires action",
    "processing": "processing",
    "requires_capture": "requires capture",
    "succeeded": "succeeded",
    "canceled": "canceled",
}
KINDS = {"", "success", "info", "warning", "danger"}


def status_fields() -> Iterator[tuple[type[Model], Field]]:
    for model in apps.get_models():
        if model._meta.app_label in APPS:
            yield from ((model, each) for each in model._meta.fields if each.name.endswith(("state", "status")))


def choices(model: type[Model], name: str) -> dict[str, str]:
    """Return the values that a field may have and what people read for each."""
    return INTENT_STATUSES if model is Payment else dict(model._meta.get_field(name).choices)


def test_no_field_of_statuses_is_missing_here() -> None:
    # Parts of a country, of an order, and the status of an HTTP response.
    others = {f"{each}.state" for each in ("accounts.Address", "orders.PostalAddress", "orders.TaxRate")}
    others |= {
        "orders.ShippingMethod.pickup_state",
        "orders.RefundEntry.status",
        "orders.DisputeEntry.status",
        "orders.OrderReturn.status",
        "orders.OrderMail.status",
        "shop.IdempotencyRecord.status",
    }
    found = {f"{model._meta.label}.{field.name}" for model, field in status_fields()}
    assert found - others == {f"{model._meta.label}.{name}" for model, name in COLOURS}


# An order's page says what is left to do, and of which status it is where no column does.
SHOWN_AS = {
    ("orders.order.status", "pending"): "",
    ("orders.order.status", "completed"): "",
    ("orders.order.payment_status", "processing"): "Payment processing",
    ("orders.order.payment_status", "failed"): "Payment failed",
}


def test_each_status_has_its_label_and_colour(populated_shop: Order, staff: Any, subtests: pytest.Subtests) -> None:
    browser = browser_of(staff)
    for (model, name), colours in COLOURS.items():
        label, row = model._meta.label_lower, model.objects.first()
        for value, known in choices(model, name).items():
            if not (text := SHOWN_AS.get((f"{label}.{name}", value), known)):
                continue
            with subtests.test(f"{label}.{name}={value}"):
                model.objects.filter(pk=row.pk).update(**{name: value})
                kind = colours[value]
                assert kind in KINDS
                for url in (url_of(label), url_of(label, "change", row.pk)):
                    assert badge(text, kind) in browser.get(url).content.decode()
        with without_rendering():
            assert browser.get("/admin/").status_code == 200
        model.objects.filter(pk=row.pk).update(**{name: getattr(row, name)})


def test_each_event_has_its_icon(populated_shop: Order, staff: Any) -> None:
    entries = [TimelineEntry(event=event, actor="system", detail=f"about {event}") for event in Event]
    Order.objects.update(timeline=entries)
    page = browser_of(staff).get(url_of("orders.order", "change", populated_shop.pk)).content.decode()
    for event, rule in TRANSITIONS.items():
        assert f"about {event}" in page
        assert rule.icon in page


def test_a_status_that_stripe_adds_is_shown_as_it_is(populated_shop: Order, staff: Any) -> None:
    browser = browser_of(staff)
    for model in (Refund, Payment):
        model.objects.update(status="held_for_review")
        label = model._meta.label_lower
        for url in (url_of(label), url_of(label, "change", model.objects.get().pk), "/admin/"):
            page = browser.get(url)
            assert page.status_code == 200
            assert "held for review" in page.content.decode() or url == "/admin/"


# --- Invariants -------------------------------------------------------------------------------------------------------


# How an order gets into each status, starting from a new one.
def cancel(shop: "Shop", number: str) -> None:
    shop.call(shop.customer, f"orders/{number}/cancel/", {})


def pay_with(card: str) -> Callable[["Shop", str], None]:
    return lambda shop, number: shop.pay(number, card)


def pay_and(*steps: Callable[["Shop", str], None]) -> Callable[["Shop", str], None]:
    def run(shop: "Shop", number: str) -> None:
        shop.pay(number, "pm_card_visa")
        for step in steps:
            step(shop, number)

    return run


def refund(**body: str) -> Callable[["Shop", str], None]:
    def run(shop: "Shop", number: str) -> None:
        shop.call(shop.staff, f"payments/{Payment.objects.get().pk}/refunds/", body)
        deliver(shop.stripe)

    return run


def fulfil(status: str) -> Callable[["Shop", str], None]:
    return lambda shop, number: shop.call(shop.staff, f"orders/{number}/fulfil/", {"status": status})


def ship_one(shop: "Shop", number: str) -> None:
    line = str(Order.objects.get(number=number).lines[0].variant)
    shop.call(shop.staff, f"orders/{number}/fulfilments/", {"lines": [{"line": line, "quantity": 1}]})


class Shop(NamedTuple):
    """The clients and the Stripe simulator of a test."""

    customer: APIClient
    staff: APIClient
    stripe: StripeSimulator

    def call(self, client: APIClient, path: str, body: dict[str, Any]) -> None:
        reply = client.post(f"{API}/{path}", body)
        assert reply.status_code in (200, 201), reply.content

    def pay(self, number: str, card: str) -> None:
        payment = open_payment(self.customer, number)
        # A declined card is an error to the browser.
        with suppress(ApiError):
            self.stripe.pay(payment["payment_intent"], card)
        deliver(self.stripe)


WAYS: dict[str, Callable[[Shop, str], None]] = {
    "pending": lambda shop, number: None,
    "completed": pay_and(),
    "cancelled": cancel,
    "unpaid": lambda shop, number: None,
    "processing": pay_with("pm_usBankAccount_processing"),
    "failed": pay_with("pm_card_chargeDeclined"),
    "paid": pay_and(),
    "partially_refunded": pay_and(refund(amount="5.00")),
    "refunded": pay_and(refund()),
    "disputed": pay_with("pm_card_createDispute"),
    "unfulfilled": pay_and(),
    "partially_shipped": pay_and(ship_one),
    "shipped": pay_and(fulfil("shipped")),
    "delivered": pay_and(fulfil("shipped"), fulfil("delivered")),
}
FIELDS = {"status": OrderStatus, "payment_status": PaymentStatus, "fulfilment_status": FulfilmentStatus}


@pytest.fixture
def _audit_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the checks of orders and payments only: a hundred audits take long."""
    checks = [each for each in running.all_checks() if each.function.__module__.startswith(("orders.", "payments."))]
    monkeypatch.setattr(running, "all_checks", lambda: checks)


def violations_of(number: str) -> list[str]:
    return [each for each in audit.violations() if number in each]


@pytest.mark.usefixtures("_audit_of_orders")
@pytest.mark.parametrize(
    ("field", "status"), [(field, str(status)) for field, statuses in FIELDS.items() for status in statuses]
)
def test_the_audit_knows_each_status_from_every_other(
    as_customer: APIClient,
    as_staff: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
    field: str,
    status: str,
    subtests: pytest.Subtests,
) -> None:
    number = place_order(as_customer, make_product(price="10.00"), 2)["number"]
    WAYS[status](Shop(as_customer, as_staff, simulator), number)
    order = Order.objects.get()
    assert getattr(order, field) == status
    assert violations_of(number) == []
    for other in [*FIELDS[field], "on_hold"]:
        if other != status:
            with subtests.test(f"{other} instead of {status}"):
                Order.objects.update(**{field: other})
                assert violations_of(number)
