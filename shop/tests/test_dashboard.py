"""The admin's dashboard: open work and sales figures."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog import stock
from catalog.models import Product, Variant
from catalog.services import count_sales
from orders import services as orders
from orders.events import Event
from orders.fulfilments import services as fulfilments
from orders.models import Order, ShippingMethod
from payments.models import StripeEvent
from shop.dev.testing.admin import allow, browser_of, ordered
from shop.dev.testing.commands import count_commands
from shop.dev.testing.dashboard import chart, figures, look, paid, panel, refunded
from shop.dev.testing.plans import stages_of
from shop.dev.testing.refunds import opened_dispute
from shop.jobs import Job

LABELS = [
    "To ship",
    "Unpaid",
    "Flagged",
    "Disputed",
    "At hold limits",
    "Failed refunds",
    "Failed events",
    "Low stock",
    "Failed jobs",
]
TITLES = [
    "Sales",
    "Best sellers",
    "Unpaid orders",
    "Flagged and disputed orders",
    "Latest refunds",
    "Failed Stripe events",
    "Unpaid stock holders",
    "Low stock",
]


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def mug(make_product: Callable[..., Product], shipping: ShippingMethod) -> Product:
    return make_product("Mug", price="10.00", stock=500)


# --- Without anything -------------------------------------------------------------------------------------------------


def test_a_shop_without_anything_has_a_dashboard(browser: Client, db: None) -> None:
    page = look(browser)
    assert [(figure.label, figure.value, figure.urgent) for figure in page.context["figures"]] == [
        (label, "0", False) for label in LABELS
    ]
    assert [each.title for each in page.context["panels"]] == TITLES
    text = page.content.decode()
    for sentence in ("No sales yet.", "No unpaid orders.", "No variant is low in stock."):
        assert sentence in text
    assert chart(browser) == ({}, {})


# --- Open work --------------------------------------------------------------------------------------------------------


def test_orders_that_wait_for_money_or_parcels_are_counted(browser: Client, customer: User, mug: Product) -> None:
    ordered(customer, mug)
    soon = ordered(customer, mug)
    Order.objects.filter(pk=soon.pk).update(expires_at=timezone.now() + timedelta(minutes=5))
    paid(customer, mug)
    sent = paid(customer, mug)
    fulfilments.ship(order=sent)

    shown = figures(browser)

    assert (shown["Unpaid"].value, shown["Unpaid"].hint) == ("2", "29.80 USD, 1 about to expire")
    assert shown["To ship"].value == "1"
    assert panel(browser, "Unpaid orders")["rows"][0]["order"] == soon
    for label in ("Unpaid", "To ship"):
        listed = browser.get(shown[label].url).context["cl"].result_count
        assert str(listed) == shown[label].value, label


def test_flagged_and_disputed_orders_are_shown_until_they_are_resolved(
    browser: Client, customer: User, mug: Product
) -> None:
    flagged, disputed = paid(customer, mug), paid(customer, mug)
    orders.flag(order_id=flagged.pk, detail="pi_1 is over 100.")
    orders.record_dispute(order_id=disputed.pk, event=Event.DISPUTED, dispute=opened_dispute("du_1"))
    shown = figures(browser)
    assert [(shown[label].value, shown[label].urgent) for label in ("Flagged", "Disputed")] == [
        ("1", True),
        ("1", True),
    ]
    rows = panel(browser, "Flagged and disputed orders")["rows"]
    assert [each["order"].pk for each in rows] == [flagged.pk, disputed.pk]
    assert list(browser.get(shown["Flagged"].url).context["cl"].result_list) == [flagged]

    orders.resolve_flag(order=flagged, note="The customer was called.")
    assert figures(browser)["Flagged"].value == "0"
    assert [each["order"].pk for each in panel(browser, "Flagged and disputed orders")["rows"]] == [disputed.pk]


def test_failed_events_and_jobs_are_counted(browser: Client, db: None) -> None:
    StripeEvent.objects.create(
        id="evt_1", type="charge.refunded", payload={}, status="failed", detail="KeyError", created_at=timezone.now()
    )
    job = count_sales.enqueue(quantities={})
    Job.objects.filter(pk=job.pk).update(given_up_at=timezone.now())
    shown = figures(browser)
    assert [(shown[label].value, shown[label].urgent) for label in ("Failed events", "Failed jobs")] == [
        ("1", True),
        ("1", True),
    ]
    assert [each["event"].pk for each in panel(browser, "Failed Stripe events")["rows"]] == ["evt_1"]


def test_what_runs_out_is_shown_while_it_is_for_sale(
    browser: Client, make_product: Callable[..., Product], settings: Any
) -> None:
    settings.LOW_STOCK_THRESHOLD = 3
    for name, pieces in (("Enough", 3), ("Few", 2), ("None", 0)):
        make_product(name, sku=name, stock=pieces)
    make_product("Hidden", stock=1, is_active=False)
    stock.adjust(Variant.objects.get(sku="Enough"), delta=5)
    shown = figures(browser)["Low stock"]
    assert (shown.value, shown.hint) == ("2", "fewer than 3 units, 1 sold out")
    assert [each["variant"].sku for each in panel(browser, "Low stock")["rows"]] == ["None", "Few"]


# --- Each number is the length of its list ----------------------------------------------------------------------------


@pytest.fixture
def all_kinds_of_work(
    customer: User, make_user: Callable[..., User], mug: Product, make_product: Callable[..., Product], settings: Any
) -> None:
    """Two objects of each kind of open work, beside others that are almost such."""
    settings.LOW_STOCK_THRESHOLD, settings.UNPAID_ORDERS_UNVERIFIED = 3, 2
    for _ in range(2):
        paid(customer, mug)
    disputed = [paid(customer, mug) for _ in range(2)]
    for number, order in enumerate(disputed):
        orders.record_dispute(order_id=order.pk, event=Event.DISPUTED, dispute=opened_dispute(f"du_{number}"))
    back, sent, *looked_into, settled = (paid(customer, mug) for _ in range(5))
    Order.objects.filter(pk=back.pk).update(payment_status="refunded")
    fulfilments.ship(order=sent)
    for order in (*looked_into, settled):
        orders.flag(order_id=order.pk, detail="x")
        Order.objects.filter(pk=order.pk).update(fulfilment_status="delivered")
    orders.resolve_flag(order=settled, note="x")

    holder = make_user()
    Order.objects.filter(pk__in=[ordered(holder, mug).pk for _ in range(2)]).update(placed_from="one")
    expired = ordered(holder, mug)
    Order.objects.filter(pk=expired.pk).update(
        status="cancelled", placed_from="two", expired_at=timezone.now() - timedelta(days=2)
    )

    long_ago = timezone.now() - timedelta(days=31)
    for status, at in (("failed", None), ("canceled", None), ("failed", long_ago), ("succeeded", None)):
        refunded(sent, 100, status=status, at=at)
    for number, status in enumerate(("failed", "failed", "applied", "flagged")):
        StripeEvent.objects.create(id=f"evt_{number}", type="x", payload={}, status=status, created_at=timezone.now())
    for _ in range(2):
        job = count_sales.enqueue(quantities={})
        Job.objects.filter(pk=job.pk).update(given_up_at=timezone.now())
    for sku, pieces, is_active in (("A", 0, True), ("B", 2, True), ("C", 1, False), ("D", 3, True)):
        make_product(f"Plate {sku}", sku=sku, stock=pieces, is_active=is_active)
    off = make_product("Bowl", sku="E", stock=1)
    Variant.objects.filter(product=off.pk).update(is_active=False)


def test_every_figure_is_the_length_of_the_list_that_it_opens(browser: Client, all_kinds_of_work: None) -> None:
    shown = figures(browser)
    assert set(shown) == set(LABELS)
    listed = {label: browser.get(figure.url).context["cl"].result_count for label, figure in shown.items()}
    assert {label: str(count) for label, count in listed.items()} == {
        label: figure.value for label, figure in shown.items()
    }
    assert listed == dict.fromkeys(LABELS, 2)


# --- Who sees what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "labels", "titles"),
    [
        (["catalog.view_product", "catalog.change_variant"], ["Low stock"], ["Low stock"]),
        (["orders.view_order"], LABELS[:5], [*TITLES[1:4], "Unpaid stock holders"]),
        (["payments.view_stripeevent"], ["Failed events"], ["Failed Stripe events"]),
        (["payments.view_payment"], [], []),
        ([], [], []),
    ],
)
def test_people_see_only_what_they_may(
    make_user: Callable[..., User],
    customer: User,
    mug: Product,
    rights: list[str],
    labels: list[str],
    titles: list[str],
) -> None:
    refunded(paid(customer, mug), 400)
    page = look(browser_of(allow(make_user(), *rights)))
    assert [figure.label for figure in page.context["figures"]] == labels
    assert [each.title for each in page.context["panels"]] == titles
    if "orders.view_order" not in rights:
        assert "USD" not in page.content.decode()
    if not titles:
        assert "You have no access to any figures." in page.content.decode()


# --- Speed ------------------------------------------------------------------------------------------------------------


def test_every_question_of_the_dashboard_is_answered_by_an_index(
    browser: Client, customer: User, mug: Product, make_product: Callable[..., Product]
) -> None:
    make_product("Few", stock=1)
    order = paid(customer, mug)
    refunded(order, 400)
    refunded(order, 100, status="failed")
    orders.flag(order_id=order.pk, detail="x")
    ordered(customer, mug)
    StripeEvent.objects.create(id="evt_1", type="x", payload={}, status="failed", created_at=timezone.now())
    look(browser)
    with count_commands() as commands:
        look(browser)

    asked = [each for each in commands if each.collection.startswith(("orders_", "payments_", "catalog_", "shop_job"))]
    assert len(asked) > 15
    for command in asked:
        assert "COLLSCAN" not in stages_of(command), repr(command)
