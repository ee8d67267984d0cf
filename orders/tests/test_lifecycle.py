"""The table of statuses and events is complete, and no other change is possible."""

from collections.abc import Callable

import pytest
from django.template.loader import get_template
from rest_framework.test import APIClient

from catalog.models import Product
from orders.events import Actor, Event
from orders.lifecycle import STATUSES, TRANSITIONS
from orders.models import Order
from orders.transitions import transition
from shop.api.errors import Conflict
from shop.db.transactions import transactional
from shop.dev.testing.steps import dump_database, place_order

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


@pytest.fixture
def order(as_customer: APIClient, make_product: Callable[..., Product]) -> Order:
    """An unpaid order."""
    return Order.objects.get(number=place_order(as_customer, make_product())["number"])


def test_each_status_and_event_has_its_row() -> None:
    for field, statuses in STATUSES.items():
        assert list(statuses) == [value for value, _ in Order._meta.get_field(field).choices]
    assert list(TRANSITIONS) == list(Event)


def test_each_mail_has_its_templates() -> None:
    for rule in TRANSITIONS.values():
        if rule.customer_mail:
            for ending in ("txt", "html"):
                get_template(f"orders/mails/{rule.customer_mail.template}.{ending}")


def test_an_event_that_the_statuses_do_not_allow_changes_nothing(order: Order) -> None:
    Order.objects.update(payment_status="paid")
    order.refresh_from_db()
    before = dump_database()
    with pytest.raises(Conflict):
        transactional("test")(transition)(order, Event.PAYMENT_PROCESSING, actor=Actor.STRIPE)
    assert dump_database() == before


@pytest.mark.parametrize(
    ("event", "field", "status"),
    [
        (Event.PAID, "status", "cancelled"),
        (Event.REFUNDED, "payment_status", "paid"),
        (Event.FLAGGED, "fulfilment_status", "shipped"),
    ],
)
def test_an_event_sets_only_statuses_of_its_row(order: Order, event: Event, field: str, status: str) -> None:
    before = dump_database()
    with pytest.raises(ValueError, match=status):
        transactional("test")(transition)(order, event, actor=Actor.SYSTEM, fields={field: status})
    assert dump_database() == before


def test_an_event_keeps_the_first_500_characters_of_its_detail(order: Order) -> None:
    transactional("test")(transition)(order, Event.FLAGGED, actor=Actor.SYSTEM, detail="x" * 500 + "y")
    assert Order.objects.get().timeline[-1].detail == "x" * 500
