"""Refunds of units and shipping, their stock, and refunds that fail."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from catalog.models import Product, StockMovement
from orders.models import Order, ShippingMethod, TaxRate
from payments.models import Payment, Refund
from shop import audit, jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, dump_database, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import deliver, pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product(price="10.00", stock=5)


@pytest.fixture
def order(
    as_customer: APIClient,
    mug: Product,
    make_product: Callable[..., Product],
    shipping: ShippingMethod,
    simulator: StripeSimulator,
) -> dict[str, Any]:
    """A paid order of three mugs for 33.33 with tax, a spoon for 1.11 and shipping with its tax."""
    TaxRate.objects.create(country="GB", rate=Decimal("11.1"))
    add_to_cart(as_customer, make_product(price="1.00", stock=1))
    placed = place_order(as_customer, mug, 3)
    pay(as_customer, simulator, placed["number"])
    return order_of(as_customer, placed["number"])


def refund(client: APIClient, order: dict[str, Any], **body: Any) -> Any:
    return client.post(f"{API}/payments/{order['payment']}/refunds/", body)


def ship(client: APIClient, order: dict[str, Any]) -> Any:
    return client.post(f"{API}/orders/{order['number']}/fulfil/", {"status": "shipped"})


def line_of(order: dict[str, Any], product: Product) -> dict[str, Any]:
    return next(line for line in order["lines"] if line["product"] == str(product.pk))


def units(line: dict[str, Any], quantity: int, *, restock: bool = False) -> dict[str, Any]:
    return {"line": line["id"], "quantity": quantity, "restock": restock}


def test_units_and_shipping_add_up_to_the_total(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    mugs = line_of(order, mug)
    spoon = next(line for line in order["lines"] if line != mugs)
    assert (mugs["tax"], spoon["tax"]) == ("3.33", "0.11")
    parts = [
        ({"lines": [units(mugs, 1, restock=True)]}, "11.11"),
        ({"lines": [units(mugs, 2), units(spoon, 1)]}, "23.33"),
        ({"shipping": True}, str(Decimal(order["total"]) - Decimal("34.44"))),
    ]
    net, stock = Decimal(order["total"]), 2
    # The previous release places orders without it.
    connection.database["orders_order"].update_many({}, {"$unset": {"all_units_cancelled": ""}})
    assert Order.objects.to_ship().exists()
    for body, amount in parts:
        reply = refund(as_staff, order, **body)
        assert (reply.status_code, reply.json()["amount"]) == (201, amount)
        net -= Decimal(amount)
        assert order_of(as_customer, order["number"])["net_total"] == str(net)
        if body == parts[1][0]:
            # Paid in part, but nothing is left to ship.
            assert not Order.objects.to_ship().exists()
            assert refusal(ship(as_staff, order), 409)[0] == "order_not_fulfillable"
    assert net == 0
    assert stock_of(mug) == stock + 1
    (restocked,) = StockMovement.objects.filter(reason="restock")
    assert (restocked.delta, restocked.reference) == (1, order["number"])
    after = order_of(as_customer, order["number"])
    assert (after["status"], after["payment_status"]) == ("completed", "refunded")
    first, second, third = after["refunds"]
    assert first["lines"] == [{**units(mugs, 1, restock=True), "amount": "11.11"}]
    assert [line["amount"] for line in second["lines"]] == ["22.22", "1.11"]
    assert (third["lines"], third["shipping"]) == ([], parts[-1][1])
    shown = line_of(after, mug)
    assert {name: shown[name] for name in ("fulfilled", "cancelled", "returned", "refunded")} == {
        "fulfilled": 0,
        "cancelled": 3,
        "returned": 0,
        "refunded": 3,
    }
    before = dump_database()
    assert refusal(refund(as_staff, order, lines=[units(mugs, 1)]), 409) == ("units_not_refundable", "lines.0.quantity")
    assert refusal(refund(as_staff, order, shipping=True), 409) == ("not_refundable", None)
    assert dump_database() == before
    assert sum(each["amount"] for each in simulator.state()["refunds"]) == Payment.objects.get().amount
    assert audit.violations() == []


def test_a_malformed_refund_by_line_is_refused(
    as_staff: APIClient, order: dict, mug: Product, subtests: pytest.Subtests
) -> None:
    mugs = line_of(order, mug)
    cases: list[tuple[dict[str, Any], tuple[str, str | None]]] = [
        ({"lines": [units(mugs, 1)], "amount": "1.00"}, ("ambiguous", "amount")),
        ({"shipping": True, "amount": "1.00"}, ("ambiguous", "amount")),
        ({"lines": []}, ("empty", "lines")),
        ({"lines": [units(mugs, 0)]}, ("min_value", "lines.0.quantity")),
        ({"lines": [units({"id": "x"}, 1)]}, ("invalid_id", "lines.0.line")),
        ({"lines": [units(mugs, 1), units({"id": "0" * 24}, 1)]}, ("unknown_line", "lines.1.line")),
        ({"lines": [units(mugs, 1), units(mugs, 1)]}, ("unknown_line", "lines.1.line")),
    ]
    for body, expected in cases:
        with subtests.test(str(body)):
            assert refusal(refund(as_staff, order, **body), 400) == expected
    assert not Refund.objects.exists()
    # Amounts that were refunded before are not available to lines.
    assert refund(as_staff, order, amount=str(Decimal(order["total"]) - 11)).status_code == 201
    assert refusal(refund(as_staff, order, lines=[units(mugs, 1)]), 409) == ("refund_too_large", None)
    assert stock_of(mug) == 2


def test_units_of_a_failed_refund_can_be_refunded_again(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    """They stay cancelled and in stock, and are neither cancelled nor restocked twice."""
    mugs = line_of(order, mug)
    reply = refund(as_staff, order, lines=[units(mugs, 2, restock=True)], shipping=True)
    simulator.fail_refund(reply.json()["refund"])
    deliver(simulator)
    after = order_of(as_staff, order["number"])
    shown = line_of(after, mug)
    assert (shown["cancelled"], shown["refunded"], after["net_total"]) == (2, 0, order["total"])
    assert ("flagged", "stripe") in [(each["event"], each["actor"]) for each in after["timeline"]]
    assert stock_of(mug) == 4
    again = refund(as_staff, order, lines=[units(mugs, 3, restock=True)], shipping=True)
    assert again.status_code == 201
    assert stock_of(mug) == 5
    assert line_of(order_of(as_staff, order["number"]), mug)["cancelled"] == 3
    assert audit.violations() == []


def test_a_cancelled_order_releases_only_what_it_still_holds(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    mugs = line_of(order, mug)
    assert refund(as_staff, order, lines=[units(mugs, 1)]).status_code == 201
    assert refund(as_staff, order, lines=[units(mugs, 1, restock=True)]).status_code == 201
    assert as_customer.post(f"{API}/orders/{order['number']}/cancel/", {}).status_code == 200
    jobs.run_due()
    # One of the three was written off.
    assert stock_of(mug) == 4
    assert refusal(refund(as_staff, order, lines=[units(mugs, 1)]), 409) == ("order_cancelled", None)
    assert sum(each["amount"] for each in simulator.state()["refunds"]) == Payment.objects.get().amount
    assert audit.violations() == []


def test_refunds_by_line_race_with_each_other_and_a_cancellation(
    as_customer: APIClient, as_staff: APIClient, order: dict, mug: Product, simulator: StripeSimulator
) -> None:
    mugs = line_of(order, mug)
    replies = run_concurrently(
        *[lambda: refund(as_staff, order, lines=[units(mugs, 1, restock=True)]) for _ in range(5)],
        lambda: as_customer.post(f"{API}/orders/{order['number']}/cancel/", {}),
    )
    *refunds, cancelled = [reply.status_code for reply in replies]
    assert set(refunds) <= {201, 409}
    assert refunds.count(201) <= 3
    assert cancelled == 200
    jobs.run_due()
    deliver(simulator)
    jobs.run_due()
    assert stock_of(mug) == 5
    assert sum(each["amount"] for each in simulator.state()["refunds"]) == Payment.objects.get().amount
    assert Order.objects.get().net_total == 0
    assert audit.violations() == []
