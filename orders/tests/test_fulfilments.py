"""Parcels: some units of an order, their tracking and their delivery."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection
from django.test import override_settings
from rest_framework.test import APIClient

from catalog.models import Product, StockMovement
from conftest import client_of
from orders.fulfilments.carriers import ALIASES, CARRIERS, tracking_url
from orders.fulfilments.models import Fulfilment
from orders.models import Order, ShippingMethod, TaxRate
from shop.audit import violations
from shop.audit.staff_log import StaffAction
from shop.db import documents
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.mails import html_of, work
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import deliver, pay

pytestmark = pytest.mark.django_db

# Derived from the shop's address.
DHL = "https://www.dhl.com/global-en/home/tracking.html?tracking-id="


@pytest.fixture
def order(as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod) -> dict[str, Any]:
    """A completed order of three shirts and two mugs."""
    ShippingMethod.objects.update(price="0.00")
    add_to_cart(as_customer, make_product("Shirt", price="0.00"), 3)
    order = place_order(as_customer, make_product("Mug", price="0.00"), 2)
    work()
    assert [line["quantity"] for line in order["lines"]] == [3, 2]
    return order


def lines_of(order: dict[str, Any], *quantities: int) -> list[dict[str, Any]]:
    pairs = zip(order["lines"], quantities, strict=False)
    return [{"line": line["id"], "quantity": quantity} for line, quantity in pairs if quantity]


def ship(client: APIClient, order: dict[str, Any], *quantities: int, key: str = "", **body: Any) -> Any:
    if quantities:
        body["lines"] = lines_of(order, *quantities)
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{API}/orders/{order['number']}/fulfilments/", body, headers=headers)


def change(client: APIClient, order: dict[str, Any], parcel: str, **body: Any) -> Any:
    return client.patch(f"{API}/orders/{order['number']}/fulfilments/{parcel}/", body)


def test_an_order_leaves_in_parcels_and_arrives_with_the_last(
    as_customer: APIClient, as_staff: APIClient, order: dict[str, Any]
) -> None:
    first = ship(as_staff, order, 1, 2, carrier="DHL", tracking_number="JD 1")
    assert first.status_code == 201
    parcel = first.json()
    assert parcel["lines"] == lines_of(order, 1, 2)
    assert (parcel["tracking_url"], parcel["delivered_at"]) == (f"{DHL}JD%201", None)
    shown = order_of(as_customer, order["number"])
    assert (shown["fulfilment_status"], shown["fulfilments"]) == ("partially_shipped", [parcel])
    assert (shown["cancellable"], shown["carrier"], shown["tracking_number"]) == (False, "DHL", "JD 1")
    refused = as_customer.post(f"{API}/orders/{order['number']}/cancel/")
    assert refusal(refused, 409) == ("order_not_cancellable", None)
    assert change(as_staff, order, parcel["id"], delivered=True).json()["delivered_at"]
    assert order_of(as_staff, order["number"])["fulfilment_status"] == "partially_shipped"

    second = ship(as_staff, order).json()
    assert second["lines"] == lines_of(order, 2)
    assert order_of(as_staff, order["number"])["fulfilment_status"] == "shipped"
    assert change(as_staff, order, second["id"], delivered=True).status_code == 200

    shown = order_of(as_staff, order["number"])
    assert (shown["fulfilment_status"], shown["carrier"]) == ("delivered", "")
    events = [(entry["event"], entry["detail"]) for entry in shown["timeline"][2:]]
    assert events == [("shipped", "DHL JD 1"), ("delivered", "DHL JD 1"), ("shipped", ""), ("delivered", "")]
    assert [action.action for action in StaffAction.objects.order_by("pk")] == ["ship", "deliver"] * 2
    assert violations() == []


def test_each_parcel_sends_a_mail_with_its_contents_and_link(as_staff: APIClient, order: dict[str, Any]) -> None:
    parcel = ship(as_staff, order, 1, 0, carrier="UPS", tracking_number="1Z&2").json()
    change(as_staff, order, parcel["id"], delivered=True)
    shipped, delivered = work()
    assert (shipped.subject, delivered.subject) == (
        f"Your order {order['number']} is on its way",
        f"Your order {order['number']} was delivered",
    )
    news = shipped.body.split("Order ")[0]
    assert "- 1 x Shirt" in news
    assert "Mug" not in news
    assert "Track it: https://www.ups.com/track?tracknum=1Z%262" in news
    assert 'href="https://www.ups.com/track?tracknum=1Z%262"' in html_of(shipped)
    assert "A parcel of your order was delivered" in delivered.body
    ship(as_staff, order)
    as_staff.post(f"{API}/orders/{order['number']}/fulfil/", {"status": "delivered"})
    rest, all_delivered = work()
    assert "- 2 x Shirt\n- 2 x Mug" in rest.body
    assert "Your order was delivered." in all_delivered.body


def test_more_than_is_left_unknown_lines_and_bad_input_are_refused(
    as_staff: APIClient, as_customer: APIClient, order: dict[str, Any], make_product: Callable[..., Product]
) -> None:
    unpaid = place_order(as_customer, make_product(price="5.00"))
    assert refusal(ship(as_staff, unpaid), 409) == ("order_not_fulfillable", None)
    assert ship(as_staff, order, 1, 0).status_code == 201
    before = order_of(as_staff, order["number"])
    faults = refusals(ship(as_staff, order, 3, 3), 409)
    assert faults == [("order_not_fulfillable", "lines.0.quantity"), ("order_not_fulfillable", "lines.1.quantity")]
    line = order["lines"][0]["id"]
    for lines, expected in (
        ([{"line": line, "quantity": 1}] * 2, ("unknown_line", "lines.1.line")),
        ([{"line": str(ObjectId()), "quantity": 1}], ("unknown_line", "lines.0.line")),
        ([{"line": line, "quantity": 0}], ("min_value", "lines.0.quantity")),
        ([{"line": "x", "quantity": 1}], ("invalid_id", "lines.0.line")),
        ([], ("empty", "lines")),
    ):
        assert refusal(ship(as_staff, order, lines=lines), 400) == expected, lines
    for url in ("javascript:alert(1)", "ftp://example.com/1", "example.com", f"https://example.com/{'x' * 500}"):
        assert refusal(ship(as_staff, order, tracking_url=url), 400)[1] == "tracking_url", url
    assert order_of(as_staff, order["number"]) == before
    assert ship(as_staff, order, lines=None).status_code == 201
    assert refusal(ship(as_staff, order), 409) == ("order_not_fulfillable", None)


def test_a_repeated_key_ships_once(as_staff: APIClient, order: dict[str, Any]) -> None:
    replies = [ship(as_staff, order, 1, 0, key="a") for _ in range(2)]
    assert [(reply.status_code, reply.json()) for reply in replies] == [(201, replies[0].json())] * 2
    assert replies[1]["Idempotency-Replayed"] == "true"
    assert refusal(ship(as_staff, order, 2, 0, key="a"), 422) == ("idempotency_key_reused", None)
    assert len(order_of(as_staff, order["number"])["fulfilments"]) == 1


def test_tracking_is_corrected_and_a_delivery_stays(
    as_staff: APIClient, as_customer: APIClient, order: dict[str, Any]
) -> None:
    own = "https://example.com/track/1"
    parcel = ship(as_staff, order, 1, 0, carrier="DHL", tracking_number="1", tracking_url=own).json()
    assert parcel["tracking_url"] == own
    work()
    corrected = change(as_staff, order, parcel["id"], tracking_number="2").json()
    assert (corrected["carrier"], corrected["tracking_number"], corrected["tracking_url"]) == ("DHL", "2", f"{DHL}2")
    shown = order_of(as_customer, order["number"])
    assert (shown["tracking_number"], shown["fulfilments"]) == ("2", [corrected])
    assert shown["timeline"][-1]["detail"] == "DHL 2"
    both = {"tracking_number": "3", "tracking_url": own}
    assert change(as_staff, order, parcel["id"], **both).json()["tracking_url"] == own
    assert change(as_staff, order, parcel["id"], **both, carrier="UPS").json()["tracking_url"] == own
    assert change(as_staff, order, parcel["id"], carrier="DHL", tracking_number="2").json() == corrected
    shown = order_of(as_customer, order["number"])
    # What is as it was, is not written.
    assert change(as_staff, order, parcel["id"], tracking_number="2", delivered=False).json() == corrected
    assert order_of(as_customer, order["number"]) == shown
    assert refusal(change(as_staff, order, parcel["id"], tracking_url="javascript:x"), 400)[1] == "tracking_url"

    delivered = change(as_staff, order, parcel["id"], delivered=True).json()
    assert change(as_staff, order, parcel["id"], delivered=True).json() == delivered
    assert len(work()) == 1
    assert refusal(change(as_staff, order, parcel["id"], delivered=False), 409) == ("order_not_fulfillable", None)
    unknown = change(as_staff, order, str(ObjectId()), delivered=True)
    assert unknown.content == change(as_staff, {"number": "AAAAA-AAAAA"}, parcel["id"]).content
    assert refusal(unknown, 404) == ("not_found", None)
    assert [*StaffAction.objects.values_list("action", flat=True)] == ["ship", *["change"] * 4, "deliver"]


def test_two_who_ship_the_same_units_at_once_send_one_parcel(
    as_staff: APIClient, make_user: Callable[..., Any], order: dict[str, Any]
) -> None:
    colleague = client_of(make_user(is_staff=True, is_superuser=True))
    replies = run_concurrently(*[lambda who=who: ship(who, order, 2, 2) for who in (as_staff, colleague)])
    assert Counter(reply.status_code for reply in replies) == {201: 1, 409: 1}
    (loser,) = (reply for reply in replies if reply.status_code == 409)
    assert {code for code, _ in refusals(loser, 409)} == {"order_not_fulfillable"}
    assert len(work()) == 1
    assert violations() == []


def test_the_rest_of_a_partially_shipped_order_is_cancelled_restocked_and_refunded(
    as_staff: APIClient,
    as_customer: APIClient,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    simulator: StripeSimulator,
) -> None:
    TaxRate.objects.create(country="GB", rate="7.7")
    product = make_product("Shirt", price="9.99", stock=5)
    order = place_order(as_customer, product, 3)
    pay(as_customer, simulator, order["number"])
    path = f"{API}/orders/{order['number']}/cancel-unshipped/"
    assert refusal(as_staff.post(path), 409) == ("order_not_cancellable", None)
    assert ship(as_staff, order, 1).status_code == 201
    work()
    assert refusal(as_customer.post(path), 403) == ("permission_denied", None)

    cancelled = as_staff.post(path, {"reason": "Sold out"})
    assert cancelled.status_code == 200
    again = as_staff.post(path, {"reason": "Sold out"})
    deliver(simulator)

    assert refusal(again, 409) == ("order_not_cancellable", None)
    shown = order_of(as_customer, order["number"])
    assert (shown["fulfilment_status"], shown["payment_status"]) == ("shipped", "partially_refunded")
    (line,) = shown["lines"]
    assert (line["fulfilled"], line["cancelled"], line["returned"]) == (1, 2, 0)
    assert stock_of(product) == 4
    assert StockMovement.objects.filter(delta=2, reference=order["number"]).count() == 1
    # Two of three parts of 29.97 and 2.31 tax.
    (refund,) = shown["refunds"]
    assert (refund["amount"], refund["status"]) == ("21.52", "succeeded")
    assert ("items_cancelled", "Sold out") in [(entry["event"], entry["detail"]) for entry in shown["timeline"]]
    mails = {mail.subject: mail.body for mail in work()}
    assert "- 2 x Shirt\nReason: Sold out" in mails[f"The rest of your order {order['number']} is cancelled"]
    assert len(mails) == 2
    assert change(as_staff, order, shown["fulfilments"][0]["id"], delivered=True).status_code == 200
    assert order_of(as_staff, order["number"])["fulfilment_status"] == "delivered"
    assert violations() == []


def test_the_rest_refunds_what_is_left_after_refunds_of_amounts(
    as_staff: APIClient, as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    order = place_order(as_customer, make_product(price="10.00", stock=3), 3)
    payment = pay(as_customer, simulator, order["number"])["id"]
    assert ship(as_staff, order, 1).status_code == 201
    assert as_staff.post(f"{API}/payments/{payment}/refunds/", {"amount": "25.00"}).status_code == 201
    shown = as_staff.post(f"{API}/orders/{order['number']}/cancel-unshipped/", {}).json()
    assert [line["cancelled"] for line in shown["lines"]] == [2]
    assert [refund["amount"] for refund in shown["refunds"]] == ["25.00", "5.00"]
    deliver(simulator)
    assert order_of(as_customer, order["number"])["payment_status"] == "refunded"
    assert violations() == []


def test_the_rest_of_a_free_order_is_cancelled_without_a_refund(as_staff: APIClient, order: dict[str, Any]) -> None:
    ship(as_staff, order, 1, 0)
    shown = as_staff.post(f"{API}/orders/{order['number']}/cancel-unshipped/", {}).json()
    assert (shown["fulfilment_status"], [line["cancelled"] for line in shown["lines"]]) == ("shipped", [2, 2])
    assert refusal(ship(as_staff, order), 409) == ("order_not_fulfillable", None)
    assert violations() == []


def test_an_order_has_at_most_fifty_parcels(
    as_staff: APIClient, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    order = place_order(as_customer, make_product(price="0.00", stock=60), 60)
    row = Order.objects.get(number=order["number"])
    row.lines[0].fulfilled = 49
    Order.objects.filter(pk=row.pk).update(
        lines=row.lines, fulfilments=[Fulfilment(lines=[])] * 49, fulfilment_status="partially_shipped"
    )
    assert ship(as_staff, order, 1).status_code == 201
    assert refusal(ship(as_staff, order), 409) == ("order_not_fulfillable", None)


@pytest.mark.parametrize("status", ["shipped", "delivered"])
def test_an_order_that_an_earlier_release_shipped_has_one_parcel(
    as_staff: APIClient, order: dict[str, Any], status: str
) -> None:
    path = f"{API}/orders/{order['number']}/fulfil/"
    as_staff.post(path, {"status": "shipped", "carrier": "DHL", "tracking_number": "1"})
    if status == "delivered":
        as_staff.post(path, {"status": "delivered"})
    number = {"number": order["number"]}
    new = order_of(as_staff, order["number"])
    documents.update_one(
        Order, number, {"$unset": {"fulfilments": "", "lines.$[].fulfilled": "", "lines.$[].cancelled": ""}}
    )
    old = order_of(as_staff, order["number"])
    assert violations() == []

    (parcel,) = old["fulfilments"]
    at = {entry["event"]: entry["at"] for entry in old["timeline"]}
    assert parcel["lines"] == lines_of(order, 3, 2)
    assert (parcel["shipped_at"], parcel["delivered_at"]) == (at["shipped"], at.get("delivered"))
    assert parcel["tracking_url"] == f"{DHL}1"
    assert (old["lines"], old["fulfilment_status"]) == (new["lines"], status)
    corrected = change(as_staff, order, parcel["id"], tracking_number="2").json()
    assert corrected == {**parcel, "tracking_number": "2", "tracking_url": f"{DHL}2"}
    assert [line["fulfilled"] for line in connection.database.orders_order.find_one(number)["lines"]] == [3, 2]
    assert violations() == []


def test_carriers_are_found_by_any_spelling_and_the_shop_adds_its_own() -> None:
    for template in CARRIERS.values():
        assert template.startswith("https://")
        assert template.count("{tracking_number}") == 1
    for name in (*CARRIERS, *ALIASES):
        assert tracking_url(carrier=name, tracking_number="1").endswith("1"), name
    for name in ("ROYAL MAIL", "royal-mail", "RoyalMail"):
        assert tracking_url(carrier=name, tracking_number="RM/1 ?#ä").endswith("/RM%2F1%20%3F%23%C3%A4")
    assert tracking_url(carrier="osterreichische post", tracking_number="1")
    assert tracking_url(carrier="The cat", tracking_number="1") == tracking_url(carrier="DHL", tracking_number="") == ""
    with override_settings(
        CARRIERS={"Bike": "https://bike.example/{tracking_number}/", "DHL": "http://d/{tracking_number}"}
    ):
        assert tracking_url(carrier="bike", tracking_number="1") == "https://bike.example/1/"
        assert tracking_url(carrier="DHL", tracking_number="1") == "http://d/1"
