"""Returns and withdrawals: requests, windows, answers, refunds and races."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product, StockMovement
from orders.models import Order
from payments.models import Payment, Refund
from shop import audit
from shop.db.transactions import transactional
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.guests import EMAIL, place_guest_order
from shop.dev.testing.mails import html_of, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.returns import answer, days_pass, request, returns_url, ship
from shop.dev.testing.steps import API, dump_database, events_of, order_of, stock_of
from shop.dev.testing.stripe_steps import deliver, pay

pytestmark = pytest.mark.django_db


def test_a_return_goes_from_the_request_to_the_refund(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator, settings: Any
) -> None:
    settings.ORDER_NOTICE_EMAILS = ["shop@example.com"]
    ship(as_staff, order)
    shown = order_of(as_customer, order["number"])["lines"][0]
    assert (shown["fulfilled"], shown["returnable"], shown["withdrawable"]) == (3, 3, 3)
    made = request(as_customer, order, 2, key="a", reason="Too <small>")
    assert made.status_code == 201, made.content
    line = {"line": order["lines"][0]["id"], "quantity": 2, "unshipped": 0, "reason": "Too <small>", "restocked": None}
    line["missing"] = 0
    assert made.json() == {
        "id": made.json()["id"],
        "status": "requested",
        "withdrawal": False,
        "lines": [line],
        "expected_refund": "20.00",
        "refund": None,
        "refund_failed": False,
        "answer": "",
        "created_at": made.json()["created_at"],
        "received_at": None,
    }
    again = request(as_customer, order, 2, key="a", reason="Too <small>")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (made.json(), "true")
    # However the URL is spelled.
    url = returns_url(order).rstrip("/").replace(order["number"], order["number"].lower())
    body = {"lines": [{**{name: line[name] for name in ("line", "quantity", "reason")}}]}
    spelled = as_customer.post(url, body, headers={"Idempotency-Key": "a"})
    assert (spelled.json(), spelled.headers.get("Idempotency-Replayed")) == (made.json(), "true")
    to_customer, to_staff = sorted(work(), key=lambda mail: mail.to[0])
    assert (to_customer.to, to_staff.to) == (["ada@example.com"], ["shop@example.com"])
    assert to_staff.subject == f"New return for order {order['number']}"
    for mail in (to_customer, to_staff):
        assert "2 x Mug" in mail.body
        assert "small" not in mail.body + html_of(mail)

    assert order_of(as_customer, order["number"])["lines"][0]["returnable"] == 1
    assert list(Order.objects.with_open_returns()) == [Order.objects.get()]
    assert answer(as_staff, order, made, "approve", answer="Use the label.").json()["status"] == "approved"
    (mail,) = work()
    assert "Use the label." in mail.body
    assert stock_of(mug) == 2
    received = answer(as_staff, order, made, "receive", lines=[{"line": line["line"], "restock": True}])
    assert received.status_code == 200, received.content
    shown = received.json()
    assert (shown["status"], shown["refund"]["amount"], shown["refund"]["status"]) == ("refunded", "20.00", "succeeded")
    assert shown["lines"] == [{**line, "restocked": True}]
    assert stock_of(mug) == 4
    assert StockMovement.objects.get(reason="return").delta == 2
    assert sorted(mail.subject for mail in work()) == [
        f"A refund for your order {order['number']}",
        f"We have received your return of order {order['number']}",
    ]
    after = order_of(as_customer, order["number"])
    assert after["returns"] == [shown]
    assert as_customer.get(returns_url(order)).json() == [shown]
    assert as_customer.get(returns_url(order, f"{shown['id']}/")).json() == shown
    assert after["payment_status"] == "partially_refunded"
    assert [event for event in events_of(after) if event[0].startswith("return")] == [
        ("return_requested", "customer"),
        ("return_approved", "staff"),
        ("return_received", "staff"),
    ]
    line_after = after["lines"][0]
    assert (line_after["returned"], line_after["refunded"], line_after["returnable"]) == (2, 2, 1)
    assert not Order.objects.with_open_returns().exists()
    before = dump_database()
    for action, body in (("approve", {}), ("reject", {"answer": "No"}), ("receive", {})):
        assert refusal(answer(as_staff, order, made, action, **body), 409)[0] == "return_not_open"
    assert dump_database() == before
    assert audit.violations() == []


def test_each_parcel_has_its_own_window(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, settings: Any
) -> None:
    settings.RETURN_DAYS, settings.WITHDRAWAL_DAYS = 30, 14
    parcel = ship(as_staff, order, 1)
    days_pass(order, 20)
    ship(as_staff, order, 1)
    days_pass(order, 14)
    closed = ("return_window_closed", "lines.0.quantity")
    # Parcels of 34 and of 14 days ago, and one unit that is not shipped.
    shown = order_of(as_customer, order["number"])["lines"][0]
    assert (shown["returnable"], shown["withdrawable"]) == (1, 2)
    assert refusal(request(as_customer, order, 2), 409) == closed
    assert refusal(request(as_customer, order, 3, withdrawal=True), 409) == closed
    # A parcel's units are returned once.
    made = request(as_customer, order, 1)
    assert order_of(as_customer, order["number"])["lines"][0]["returnable"] == 0
    assert refusal(request(as_customer, order, 1), 409) == closed
    assert answer(as_staff, order, made, "reject", answer="No").status_code == 200
    # The window begins with the delivery.
    as_staff.patch(f"{API}/orders/{order['number']}/fulfilments/{parcel}/", {"delivered": True})
    assert request(as_customer, order, 2, path="preview/").status_code == 200
    days_pass(order, 1)
    assert refusal(request(as_customer, order, 3, withdrawal=True), 409) == closed
    settings.RETURN_DAYS = 0
    assert refusal(request(as_customer, order, 1), 409) == closed


def test_a_rejected_return_frees_its_units(as_customer: APIClient, as_staff: APIClient, order: dict) -> None:
    ship(as_staff, order)
    made = request(as_customer, order, 3)
    assert refusal(request(as_customer, order, 1), 409) == ("units_not_returnable", "lines.0.quantity")
    assert refusal(answer(as_staff, order, made, "receive"), 409)[0] == "return_not_open"
    assert refusal(answer(as_staff, order, made, "reject"), 400) == ("required", "answer")
    work()
    rejected = answer(as_staff, order, made, "reject", answer="It was worn.").json()
    assert (rejected["status"], rejected["answer"]) == ("rejected", "It was worn.")
    (mail,) = work()
    assert "It was worn." in mail.body
    for _ in range(19):
        assert request(as_customer, order, 1).status_code in (201, 409)
        Order.objects.get()
    assert audit.violations() == []


def test_units_that_have_not_arrived_are_missing(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    ship(as_staff, order)
    made = request(as_customer, order, 3, withdrawal=True)
    answer(as_staff, order, made, "approve")
    work()
    line, before = order["lines"][0]["id"], dump_database()
    for quantity, code in ((4, "units_not_expected"), (0, "nothing_received"), (-1, "min_value")):
        reply = answer(as_staff, order, made, "receive", lines=[{"line": line, "quantity": quantity}])
        assert refusal(reply, 400)[0] == code
    assert dump_database() == before
    received = answer(as_staff, order, made, "receive", lines=[{"line": line, "quantity": 2, "restock": True}]).json()
    # The shipping of the whole order is not refunded for a part.
    assert (received["status"], received["refund"]["amount"]) == ("refunded", "20.00")
    assert [(each["quantity"], each["missing"], each["restocked"]) for each in received["lines"]] == [(3, 1, True)]
    assert stock_of(mug) == 4
    shown = order_of(as_customer, order["number"])["lines"][0]
    assert (shown["returned"], shown["refunded"], shown["withdrawable"]) == (2, 2, 1)
    mail = next(mail for mail in work() if "received your return" in mail.subject)
    assert "2 x Mug" in mail.body
    assert "1 of those that you announced has not arrived." in mail.body
    # They arrive later.
    late = request(as_customer, order, 1, withdrawal=True)
    answer(as_staff, order, late, "approve")
    assert answer(as_staff, order, late, "receive").json()["refund"]["amount"] == "14.90"
    assert order_of(as_customer, order["number"])["payment_status"] == "refunded"
    assert audit.violations() == []


def test_a_refund_that_fails_is_due_again(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    ship(as_staff, order)
    made = request(as_customer, order, 1)
    answer(as_staff, order, made, "approve")
    first = answer(as_staff, order, made, "receive").json()
    simulator.fail_refund(Refund.objects.get().stripe_refund)
    deliver(simulator)
    shown = as_customer.get(returns_url(order, f"{first['id']}/")).json()
    assert (shown["status"], shown["refund_failed"], shown["refund"]["status"]) == ("received", True, "failed")
    recount = {"lines": [{"line": shown["lines"][0]["line"], "quantity": 1}]}
    assert refusal(answer(as_staff, order, made, "receive", **recount), 409)[0] == "return_not_open"
    assert Order.objects.with_open_returns().exists()
    again = answer(as_staff, order, made, "receive").json()
    assert (again["status"], again["refund_failed"], again["refund"]["amount"]) == ("refunded", False, "10.00")
    assert again["refund"]["id"] != first["refund"]["id"]
    assert Order.objects.get().lines[0].returned == 1
    assert audit.violations() == []


def test_a_return_is_refunded_later_or_not_at_all(
    as_customer: APIClient, as_staff: APIClient, order: dict, simulator: StripeSimulator
) -> None:
    """Units that a return took back are refunded first, and not cancelled or returned again."""
    ship(as_staff, order, 2)
    made = request(as_customer, order, 2)
    answer(as_staff, order, made, "approve")
    received = answer(as_staff, order, made, "receive", refund=False).json()
    assert (received["status"], received["refund"]) == ("received", None)
    assert not Order.objects.with_open_returns().exists()
    line = {"line": order["lines"][0]["id"], "quantity": 1}
    refund = as_staff.post(f"{API}/payments/{order['payment']}/refunds/", {"lines": [line]})
    assert refund.status_code == 201
    shown = order_of(as_staff, order["number"])["lines"][0]
    assert (shown["cancelled"], shown["returned"], shown["refunded"]) == (0, 2, 1)
    assert answer(as_staff, order, made, "receive").json()["refund"]["amount"] == "10.00"
    assert order_of(as_staff, order["number"])["net_total"] == "14.90"
    assert audit.violations() == []


def test_a_guest_returns_with_the_orders_token(
    as_staff: APIClient, as_customer: APIClient, mug: Product, simulator: StripeSimulator
) -> None:
    buyer, order = place_guest_order(mug)
    pay(buyer, simulator, order["number"])
    work()
    ship(as_staff, order)
    made = request(buyer, order, 1, key="a")
    assert made.status_code == 201
    assert request(buyer, order, 1, key="a").json() == made.json()
    assert [mail.to for mail in work()] == [[EMAIL]]
    missing = as_customer.get(f"{API}/orders/22222-22222/returns/")
    for url in (returns_url(order), returns_url(order, f"{made.json()['id']}/")):
        assert (as_customer.get(url).status_code, as_customer.get(url).content) == (404, missing.content)
    assert refusal(request(as_customer, order, 1), 404)[0] == "not_found"
    assert refusal(answer(buyer, order, made, "approve"), 401)[0] == "not_authenticated"


def test_a_return_during_a_dispute_is_received_without_a_refund(
    as_customer: APIClient, as_staff: APIClient, order: dict, simulator: StripeSimulator
) -> None:
    ship(as_staff, order)
    made = request(as_customer, order, 3)
    answer(as_staff, order, made, "approve")
    simulator.dispute(Payment.objects.get().intent)
    deliver(simulator)
    before = dump_database()
    assert refusal(answer(as_staff, order, made, "receive"), 409)[0] == "not_refundable"
    assert dump_database() == before
    assert answer(as_staff, order, made, "receive", refund=False).json()["status"] == "received"
    assert audit.violations() == []


def test_reasons_are_exported_and_erased(
    as_customer: APIClient, as_staff: APIClient, customer: User, order: dict
) -> None:
    ship(as_staff, order)
    made = request(as_customer, order, 1, reason="It hurts my knee")
    answer(as_staff, order, made, "reject", answer="Sorry, Ada")
    exported = as_customer.get(f"{API}/users/me/export/").content.decode()
    assert "It hurts my knee" in exported
    assert as_customer.delete(f"{API}/users/me/", {"password": "correct-horse-battery"}).status_code in (204, 400)
    row = Order.objects.get()
    from orders.personal_data import erase, personal_data_of

    assert "returns" in personal_data_of(row)
    transactional("tests.erase")(erase)(row)
    stored = str(dump_database()["orders_order"])
    assert "knee" not in stored
    assert "Sorry" not in stored
    assert "returns" not in personal_data_of(Order.objects.get())
