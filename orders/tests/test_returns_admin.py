"""Staff answer, receive and refund returns on the order's page."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from shop import audit
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import allow, browser_of, in_dialog, messages_of, url_of
from shop.dev.testing.steps import API, place_order, stock_of
from shop.dev.testing.stripe_steps import pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", price="10.00", stock=5)


@pytest.fixture
def order(as_customer: APIClient, as_staff: APIClient, mug: Product, simulator: StripeSimulator) -> Order:
    """A shipped order with a requested return of two of its three mugs."""
    number = place_order(as_customer, mug, 3)["number"]
    pay(as_customer, simulator, number)
    as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped"})
    row = Order.objects.get()
    lines = [{"line": str(row.lines[0].variant), "quantity": 2, "reason": "Too small"}]
    assert as_customer.post(f"{API}/orders/{number}/returns/", {"lines": lines}).status_code == 201
    row.refresh_from_db()
    return row


def buttons(page: Any) -> set[str]:
    return {each["title"] for each in page.context["actions_detail"]}


def test_a_return_is_approved_received_and_refunded(staff: User, mug: Product, order: Order) -> None:
    browser, page = browser_of(staff), url_of("orders.order", "change", order.pk)
    shown = browser.get(page)
    assert {"Approve return", "Reject return"} <= buttons(shown)
    assert "Receive return" not in buttons(shown)
    assert "Too small" in shown.content.decode()
    (returned,) = order.returns
    key = str(returned.key)
    answer = browser.post(url_of("orders.order", "approve_return", order.pk), {"key": key, "answer": ""}, follow=True)
    assert messages_of(answer) == ["The return was approved."]
    url = url_of("orders.order", "receive_return", order.pk)
    form = in_dialog(browser, url).context["form"]
    restock = f"restock_{key}_{order.lines[0].variant}"
    units = restock.replace("restock", "received")
    assert list(form.fields) == ["key", units, restock, "refund", "shipping"]
    assert form[units].initial == 2
    nothing = browser.post(url, {"key": key, units: "0", "refund": "on"}, follow=True)
    assert messages_of(nothing) != ["The return was received."]
    answer = browser.post(url, {"key": key, units: "1", restock: "on", "refund": "on"}, follow=True)
    assert messages_of(answer) == ["The return was received."]
    order.refresh_from_db()
    assert (order.returns[0].status, order.payment_status) == ("refunded", "partially_refunded")
    assert (order.returns[0].lines[0].missing, order.refunds[0].amount) == (1, 10)
    assert stock_of(mug) == 3
    assert not {"Approve return", "Reject return", "Receive return"} & buttons(browser.get(page))
    assert audit.violations() == []


def test_a_rejection_needs_its_reason_and_a_refund_its_permission(
    staff: User, make_user: Callable[..., User], order: Order
) -> None:
    key = str(order.returns[0].key)
    clerk = browser_of(allow(make_user(), "orders.view_order", "orders.change_order"))
    url = url_of("orders.order", "reject_return", order.pk)
    assert set(in_dialog(clerk, url, {"key": key, "answer": ""}).context["form"].errors) == {"answer"}
    clerk.post(url_of("orders.order", "approve_return", order.pk), {"key": key})
    receive = url_of("orders.order", "receive_return", order.pk)
    assert clerk.post(receive, {"key": key, "refund": "on"}).status_code == 403
    order.refresh_from_db()
    assert order.returns[0].status == "approved"
    clerk.post(receive, {"key": key})
    order.refresh_from_db()
    assert (order.returns[0].status, order.refunds) == ("received", [])
    browser_of(staff).post(receive, {"key": key, "refund": "on"})
    order.refresh_from_db()
    assert order.returns[0].status == "refunded"
