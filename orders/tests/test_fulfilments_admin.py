"""Staff ship items, correct tracking, mark parcels and print packing slips in the admin."""

from collections.abc import Callable
from typing import Any

import pypdfium2
import pytest
from bson import ObjectId
from django.test import Client

from accounts.models import User
from catalog.models import Product
from orders import services
from orders.events import Actor
from orders.fulfilments import services as fulfilments
from orders.models import Order, ShippingMethod
from shop.audit import violations
from shop.dev.testing.admin import browser_of, in_dialog, messages_of, ordered, url_of
from shop.dev.testing.mails import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def order(customer: User, make_product: Callable[..., Product], shipping: ShippingMethod) -> Order:
    """A paid order of two shirts and two mugs."""
    return paid(customer, make_product("Linen shirt", sku="LINEN"), make_product("Mug", sku="MUG"))


def paid(customer: User, *products: Product) -> Order:
    order = ordered(customer, *products, quantity=2)
    services.mark_paid(order_id=order.pk)
    work()
    return order


def broken() -> list[str]:
    """Return violations, apart from those about the money: no payment was made."""
    return [each for each in violations() if "received" not in each]


def dialog(browser: Client, button: str, order: Order, key: Any = "") -> tuple[str, dict[str, Any]]:
    """Return a dialog's address and the fields that it is filled with."""
    url = url_of("orders.order", button, order.pk) + (f"?key={key}" if key else "")
    form = in_dialog(browser, url).context["form"]
    return url, {name: form[name].value() or "" for name in form.fields}


def press(browser: Client, dialog: tuple[str, dict[str, Any]], **fields: Any) -> Any:
    url, filled = dialog
    return browser.post(url, {**filled, **fields}, follow=True)


def act(browser: Client, action: str, *orders: Order) -> Any:
    body = {"action": action, "_selected_action": [str(order.pk) for order in orders]}
    return browser.post(url_of("orders.order"), body, follow=True)


def text_of(response: Any) -> list[str]:
    assert response["Content-Type"] == "application/pdf"
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(response.content)]


def test_items_are_shipped_corrected_and_delivered_parcel_by_parcel(browser: Client, order: Order) -> None:
    shirt, mug = (f"quantity_{line.variant}" for line in order.lines)
    ship = dialog(browser, "ship", order)
    assert (ship[1][shirt], ship[1][mug]) == (2, 2)
    html = in_dialog(browser, ship[0]).content.decode()
    for shown in ("Linen shirt", "LINEN, 2 to ship", 'list="carrier-suggestions"', '<option value="Royal Mail">'):
        assert shown in html, shown
    assert messages_of(press(browser, ship, **{shirt: "0", mug: ""})) == ["Enter the quantity of at least one item."]
    page = press(browser, ship, **{shirt: "1", mug: ""}, carrier="Royal Mail", tracking_number="RM1")
    # Sent twice.
    press(browser, ship, **{shirt: "1", mug: ""}, carrier="Royal Mail", tracking_number="RM1")

    assert messages_of(page) == [f"Order {order.number} was marked as partially shipped."]
    order.refresh_from_db()
    (parcel,) = order.fulfilments
    assert [(line.line, line.quantity) for line in parcel.lines] == [(order.lines[0].variant, 1)]
    assert len(work()) == 1
    html = page.content.decode()
    for shown in ("Parcel 1", "1 × Linen shirt", "1 to ship", "2 to ship", "royalmail.com/track-your-item", "RM1"):
        assert shown in html, shown

    correct = dialog(browser, "correct_tracking", order, parcel.key)
    assert (correct[1]["carrier"], correct[1]["tracking_number"]) == ("Royal Mail", "RM1")
    assert "RM2" in press(browser, correct, tracking_number="RM2").content.decode()
    press(browser, dialog(browser, "deliver_parcel", order, parcel.key))
    press(browser, dialog(browser, "ship", order))
    page = press(browser, dialog(browser, "deliver", order))
    order.refresh_from_db()
    assert order.fulfilment_status == "delivered"
    assert [parcel.tracking for parcel in order.fulfilments] == ["Royal Mail RM2", ""]
    assert "Mark as delivered" not in page.content.decode()
    assert broken() == []


def errors_of_dialog(browser: Client, dialog: tuple[str, dict[str, Any]], **fields: str) -> dict[str, Any]:
    return in_dialog(browser, dialog[0], {**dialog[1], **fields}).context["form"].errors


def test_dialogs_refuse_other_parcels_and_addresses_that_are_not_http(browser: Client, order: Order) -> None:
    assert set(errors_of_dialog(browser, dialog(browser, "ship", order), tracking_url="javascript:x")) == {
        "tracking_url"
    }
    too_many = {f"quantity_{order.lines[0].variant}": "3"}
    assert errors_of_dialog(browser, dialog(browser, "ship", order), **too_many)
    fulfilments.ship(order=order)
    for button in ("correct_tracking", "deliver_parcel"):
        asked = dialog(browser, button, order, ObjectId())
        assert set(errors_of_dialog(browser, asked)) == {"key"}
        assert set(errors_of_dialog(browser, asked, key="")) == {"key"}
    order.refresh_from_db()
    assert [parcel.delivered_at for parcel in order.fulfilments] == [None]


def test_a_packing_slip_has_what_is_in_the_parcel_and_no_prices(browser: Client, order: Order) -> None:
    order.shipping_address.name = "Ελένη Ёлкина 山田"
    Order.objects.filter(pk=order.pk).update(note="Bitte klingeln", shipping_address=order.shipping_address)
    url = url_of("orders.order", "packing_slip", order.pk)
    (whole,) = text_of(browser.get(url))
    for shown in (order.number, "Ελένη Ёлкина 山田", "London", "United Kingdom", "LINEN", "Mug", "Bitte klingeln"):
        assert shown in whole, shown
    assert "10.00" not in whole
    assert "USD" not in whole

    fulfilments.ship(order=order, quantities={order.lines[0].variant: 1}, carrier="DHL", tracking_number="JD1")
    key = Order.objects.get().fulfilments[0].key
    (first,) = text_of(browser.get(f"{url}?key={key}"))
    for shown in ("LINEN", "1 of 2", "DHL JD1"):
        assert shown in first, shown
    assert "MUG" not in first
    (rest,) = text_of(browser.get(url))
    assert "MUG" in rest
    assert "1 of 2" in rest
    assert browser.get(f"{url}?key={ObjectId()}").status_code == 404
    assert browser.get(url_of("orders.order", "packing_slip", ObjectId())).status_code == 404


def test_the_items_that_are_left_are_cancelled_with_a_reason(
    browser: Client, customer: User, make_product: Callable[..., Product]
) -> None:
    order = paid(customer, make_product(price="0.00"))
    fulfilments.ship(order=order, quantities={order.lines[0].variant: 1})
    page = press(browser, dialog(browser, "cancel_unshipped", order), reason="Sold out")
    assert messages_of(page) == [f"The rest of order {order.number} was cancelled."]


def test_chosen_orders_are_shipped_printed_and_delivered_and_failures_are_named(
    browser: Client, customer: User, make_product: Callable[..., Product], order: Order
) -> None:
    other, cancelled = (paid(customer, make_product()) for _ in range(2))
    services.cancel_order(order=cancelled, actor=Actor.STAFF)
    slips = act(browser, "print_packing_slips", order, cancelled, other)
    assert [number for page in text_of(slips) for number in (order.number, other.number) if number in page] == [
        order.number,
        other.number,
    ]
    assert messages_of(browser.get(url_of("orders.order"))) == [
        f"Not printed: {cancelled.number}. Only a paid order that is not cancelled has a packing slip."
    ]
    for action, done in (("ship_chosen", "shipped"), ("deliver_chosen", "delivered")):
        success, failure = messages_of(act(browser, action, order, cancelled, other))
        assert success == f"2 orders were marked as {done}."
        assert failure.startswith(f"Not {done}: {cancelled.number}. Only a paid order")
        assert {Order.objects.get(pk=each.pk).fulfilment_status for each in (order, other)} == {done}
    assert broken() == []
