"""Staff read and refund payments in the admin, and replay failed events."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from orders.models import Order, ShippingMethod
from payments import services
from payments.models import Payment, Refund, StripeEvent
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import allow, browser_of, in_dialog, messages_of, ordered, url_of
from shop.dev.testing.stripe_steps import deliver, events


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def order(customer: User, make_product: Callable[..., Product], shipping: ShippingMethod) -> Order:
    return ordered(customer, make_product())


@pytest.fixture
def payment(simulator: StripeSimulator, order: Order) -> Payment:
    """The payment of a paid order, whose event is applied."""
    payment, _ = services.open_payment(order=order)
    simulator.pay(payment.intent)
    deliver(simulator)
    payment.refresh_from_db()
    return payment


def refund(browser: Client, payment: Payment, **fields: str) -> Any:
    data = {"key": str(ObjectId()), **fields}
    return browser.post(url_of("payments.payment", "refund", payment.pk), data, follow=True)


def test_a_part_of_a_payment_is_refunded(browser: Client, payment: Payment, order: Order) -> None:
    key = str(in_dialog(browser, url_of("payments.payment", "refund", payment.pk)).context["form"]["key"].value())
    # Pressed twice.
    for _ in range(2):
        page = refund(browser, payment, key=key, amount="4.90", reason="Arrived late")
        assert messages_of(page) == ["4.90 USD was refunded."]
    made = Refund.objects.get()
    assert (made.amount, made.reason, made.actor, made.status) == (490, "Arrived late", "staff", "succeeded")
    order.refresh_from_db()
    assert order.payment_status == "partially_refunded"


def test_units_and_shipping_are_refunded_and_put_back_into_stock(
    browser: Client, payment: Payment, order: Order
) -> None:
    url = url_of("payments.payment", "refund", payment.pk)
    (line,) = order.lines
    units, restock = f"units_{line.variant}", f"restock_{line.variant}"
    form = in_dialog(browser, url).context["form"]
    assert list(form.fields) == ["key", units, restock, "shipping", "amount", "reason"]
    assert form.fields["shipping"].label == "Shipping, 4.90 USD"
    attrs = form.fields[units].widget.attrs
    assert (attrs["data-paid"], attrs["data-ordered"], attrs["data-refunded"], attrs["data-refunded-units"]) == (
        *(1000, 1),
        *(0, 0),
    )
    # The dialog sends the sum as the amount, which the lines determine.
    page = refund(browser, payment, amount="1.00", **{units: "1", restock: "on", "shipping": "on"})
    assert messages_of(page) == ["14.90 USD was refunded."]
    order.refresh_from_db()
    (entry,) = order.refunds
    assert (entry.lines[0].quantity, entry.lines[0].restock, entry.shipping) == (1, True, Decimal("4.90"))
    assert order.lines[0].restocked == 1
    shown = browser.get(url_of("orders.order", "change", order.pk)).content.decode()
    assert "1 × " in shown
    assert "Net, after refunds" in shown


def test_the_dialog_offers_all_that_is_left_until_nothing_is(browser: Client, payment: Payment) -> None:
    url = url_of("payments.payment", "refund", payment.pk)
    refund(browser, payment, amount="4.90")
    form = in_dialog(browser, url).context["form"]
    assert form["amount"].value() == "10.00"
    assert (form["amount"].label, form["amount"].help_text) == ("Amount in USD", "10.00 USD can be refunded.")

    refund(browser, payment, amount=form["amount"].value())
    payment.refresh_from_db()
    assert payment.amount_refunded == payment.amount_received == 1490
    page = browser.get(url_of("payments.payment", "change", payment.pk))
    assert not page.context["actions_detail"]
    assert in_dialog(browser, url)["HX-Redirect"] == url_of("payments.payment", "change", payment.pk)


def test_an_amount_that_cannot_be_refunded_stays_in_the_dialog_with_the_reason(
    browser: Client, payment: Payment, subtests: pytest.Subtests
) -> None:
    url = url_of("payments.payment", "refund", payment.pk)
    for amount in ("15.00", "14.91", "0", "-1", "", "much"):
        with subtests.test(amount):
            answer = in_dialog(browser, url, {"key": str(ObjectId()), "amount": amount, "reason": "Arrived late"})
            form = answer.context["form"]
            assert set(form.errors) == {"amount"}
            assert (form["amount"].value(), form["reason"].value()) == (amount, "Arrived late")
            assert "14.90 USD can be refunded." in answer.content.decode()
            assert not Refund.objects.exists()


def test_what_the_service_refuses_stays_in_the_dialog_too(browser: Client, payment: Payment) -> None:
    # Another refund was made after the form was validated.
    def slower(self: Any) -> Any:
        Payment.objects.filter(pk=payment.pk).update(amount_refunded=1000)
        return self.cleaned_data["amount"]

    url = url_of("payments.payment", "refund", payment.pk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("payments.admin.payments.RefundForm.clean_amount", slower)
        wanted = {"key": str(ObjectId()), "amount": "14.90", "reason": "Arrived late"}
        form = in_dialog(browser, url, wanted).context["form"]
    assert form.errors == {"amount": ["At most 4.90 can be refunded."]}
    assert not Refund.objects.exists()


def test_refunding_needs_the_right_to_refund(make_user: Callable[..., User], payment: Payment) -> None:
    browser = browser_of(allow(make_user(), "payments.view_payment", "payments.change_payment"))
    assert not browser.get(url_of("payments.payment", "change", payment.pk)).context["actions_detail"]
    assert refund(browser, payment).status_code == 403
    assert not Refund.objects.exists()


def test_the_order_s_page_offers_the_refund_to_those_who_may(
    browser: Client, make_user: Callable[..., User], payment: Payment, order: Order
) -> None:
    url, button = url_of("orders.order", "change", order.pk), url_of("payments.payment", "refund", payment.pk)
    assert button in browser.get(url).content.decode()
    clerk = browser_of(allow(make_user(), "orders.view_order"))
    assert button not in clerk.get(url).content.decode()


def test_the_order_s_history_says_how_much_was_paid(browser: Client, payment: Payment, order: Order) -> None:
    order.refresh_from_db()
    paid = order.timeline[-1]
    assert (paid.event, paid.actor, paid.detail) == ("paid", "stripe", "14.90 USD")


def test_cancelling_a_paid_order_in_the_admin_sends_the_money_back(
    browser: Client, simulator: StripeSimulator, payment: Payment, order: Order
) -> None:
    browser.post(url_of("orders.order", "cancel", order.pk), {"reason": "Broken"})
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert Refund.objects.get().amount == 1490


def test_an_event_that_failed_is_replayed(browser: Client, simulator: StripeSimulator, order: Order) -> None:
    payment, _ = services.open_payment(order=order)
    simulator.pay(payment.intent)
    (event,) = events(simulator, "payment_intent.succeeded")
    StripeEvent.objects.create(
        id=event["id"], type=event["type"], payload=event, status="failed", detail="x", created_at=timezone.now()
    )
    page = browser.post(url_of("payments.stripeevent", "replay", event["id"]), {}, follow=True)
    assert messages_of(page) == ["Applied."]
    order.refresh_from_db()
    assert order.payment_status == "paid"


def test_events_are_replayed_several_at_once_and_a_failure_is_reported(browser: Client, db: None) -> None:
    for number in (1, 2):
        StripeEvent.objects.create(
            id=f"evt_{number}", type="payment_intent.succeeded", payload={}, status="failed", created_at=timezone.now()
        )
    data = {"action": "replay_selected", "_selected_action": ["evt_1", "evt_2"]}
    page = browser.post(url_of("payments.stripeevent"), data, follow=True)
    assert messages_of(page)[0].startswith("2 of 2 failed: ")


@pytest.mark.parametrize("pk", ["evt_1", "evt_3A_5F/x:2"])
def test_everything_about_an_event_works_at_the_addresses_that_the_admin_s_pages_link(
    browser: Client, simulator: StripeSimulator, order: Order, pk: str
) -> None:
    payment, _ = services.open_payment(order=order)
    simulator.pay(payment.intent)
    (event,) = events(simulator, "payment_intent.succeeded")
    StripeEvent.objects.create(
        id=pk, type=event["type"], payload={**event, "id": pk}, status="failed", detail="x", created_at=timezone.now()
    )

    def linked(page: str, ending: str) -> str:
        """Return the link of a page whose address ends like this."""
        found = re.findall(rf'href="([^"?]*stripeevent/[^"?]+/{ending}/)[^"]*"', browser.get(page).content.decode())
        assert found, f"{page} links no {ending}"
        return found[0]

    page = linked(url_of("payments.stripeevent"), "change")
    assert linked("/admin/", "change") == page
    assert linked(page, "history")
    replay = linked(page, "replay")

    assert in_dialog(browser, replay).context["dialog"]["title"] == "Replay this event?"
    assert in_dialog(browser, replay, {})["HX-Redirect"] == page
    assert StripeEvent.objects.get().status == "applied"
    assert linked(url_of("shop.staffaction"), "change") == page
    assert "Replayed (admin)" in browser.get(linked(page, "history")).content.decode()
    for wrong in ("evt_5F2", "evt_5f1", "_", "__", "_5F", "%00"):
        assert browser.get(f"{url_of('payments.stripeevent')}{wrong}/replay/").status_code == 404


def test_a_disputed_payment_offers_no_refund_and_refuses_one(
    browser: Client, simulator: StripeSimulator, payment: Payment, order: Order
) -> None:
    simulator.dispute(payment.intent)
    deliver(simulator)
    page = url_of("payments.payment", "change", payment.pk)
    button = url_of("payments.payment", "refund", payment.pk)
    for each in (page, url_of("orders.order", "change", order.pk)):
        assert button not in browser.get(each).content.decode()
    assert in_dialog(browser, button)["HX-Redirect"] == page
    assert messages_of(refund(browser, payment, amount="4.90"))[-1] == (
        "This payment is disputed and cannot be refunded."
    )
    assert not Refund.objects.exists()
    order.refresh_from_db()
    assert not order.flagged


def test_what_staff_read_about_a_refund_is_what_became_of_it(
    browser: Client, simulator: StripeSimulator, payment: Payment, order: Order
) -> None:
    simulator.fail("server_error", prefix="/v1/refunds", method="POST")
    assert messages_of(refund(browser, payment, amount="1.00")) == ["The refund of 1.00 USD is pending."]
    simulator.clear_faults()
    # The dispute's event is not delivered yet.
    simulator.dispute(payment.intent)
    (said,) = list(refund(browser, payment, amount="2.00").context["messages"])
    assert (said.level_tag, str(said)) == (
        "error",
        "Stripe refused the refund of 2.00 USD. The order was flagged with the reason.",
    )
    assert [row.status for row in Refund.objects.order_by("pk")] == ["pending", "failed"]
