"""Each status has a label and a colour in the admin: a new one fails here until it has both."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Field, Model

from catalog.admin.imports import STATE_LABELS
from catalog.importing.models import ImportRun
from orders.admin.labels import FULFILMENT_LABELS, PAYMENT_LABELS, STATUS_LABELS
from orders.admin.order_page import EVENT_ICONS
from orders.models import Event, Order, TimelineEntry
from payments.admin.labels import EVENT_LABELS, INTENT_LABELS, REFUND_LABELS
from payments.models import Payment, Refund, StripeEvent
from shop.admin.html import badge
from shop.testing.admin import browser_of, url_of

pytestmark = pytest.mark.django_db(transaction=True)

APPS = ("accounts", "catalog", "cart", "orders", "payments", "shop")
# The colours of each field of statuses.
COLOURS: dict[tuple[type[Model], str], dict[str, str]] = {
    (Order, "status"): STATUS_LABELS,
    (Order, "payment_status"): PAYMENT_LABELS,
    (Order, "fulfilment_status"): FULFILMENT_LABELS,
    (Payment, "status"): INTENT_LABELS,
    (Refund, "status"): REFUND_LABELS,
    (StripeEvent, "status"): EVENT_LABELS,
    (ImportRun, "state"): STATE_LABELS,
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
    # Parts of a country, a copy of a refund's status, and the status of an HTTP response.
    others = {f"{each}.state" for each in ("accounts.Address", "orders.PostalAddress", "orders.TaxRate")}
    others |= {"orders.ShippingMethod.pickup_state", "orders.RefundEntry.status", "shop.IdempotencyRecord.status"}
    found = {f"{model._meta.label}.{field.name}" for model, field in status_fields()}
    assert found - others == {f"{model._meta.label}.{name}" for model, name in COLOURS}


def test_each_status_has_its_label_and_colour(furnished: Order, staff: Any, subtests: pytest.Subtests) -> None:
    browser = browser_of(staff)
    for (model, name), colours in COLOURS.items():
        label, row = model._meta.label_lower, model.objects.first()
        for value, text in choices(model, name).items():
            with subtests.test(f"{label}.{name}={value}"):
                model.objects.filter(pk=row.pk).update(**{name: value})
                kind = colours[value]
                assert kind in KINDS
                for url in (url_of(label), url_of(label, "change", row.pk)):
                    assert badge(text, kind) in browser.get(url).content.decode()
                assert browser.get("/admin/").status_code == 200
        model.objects.filter(pk=row.pk).update(**{name: getattr(row, name)})


def test_each_event_has_its_icon(furnished: Order, staff: Any) -> None:
    assert set(EVENT_ICONS) == set(Event)
    entries = [TimelineEntry(event=event, actor="system", detail=f"about {event}") for event in Event]
    Order.objects.update(timeline=entries)
    page = browser_of(staff).get(url_of("orders.order", "change", furnished.pk)).content.decode()
    for event, icon in EVENT_ICONS.items():
        assert f"about {event}" in page
        assert icon in page


def test_a_status_that_stripe_adds_is_shown_as_it_is(furnished: Order, staff: Any) -> None:
    browser = browser_of(staff)
    for model in (Refund, Payment):
        model.objects.update(status="held_for_review")
        label = model._meta.label_lower
        for url in (url_of(label), url_of(label, "change", model.objects.get().pk), "/admin/"):
            page = browser.get(url)
            assert page.status_code == 200
            assert "held for review" in page.content.decode() or url == "/admin/"
