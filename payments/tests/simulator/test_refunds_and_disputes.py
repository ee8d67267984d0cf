"""Refunds by the shop and in the dashboard, and disputes."""

import pytest
import stripe

from shop.dev.stripe_simulator import ApiError


def test_refunds_in_parts_never_exceed_the_charge(client, paid, simulator, shop) -> None:
    part = client.v1.refunds.create({"payment_intent": paid["id"], "amount": 500, "reason": "duplicate"})
    assert (part.status, part.amount, part.charge) == ("succeeded", 500, paid["latest_charge"])
    with pytest.raises(stripe.InvalidRequestError, match=r"€15.00.*unrefunded amount on charge \(€14.99\)"):
        client.v1.refunds.create({"payment_intent": paid["id"], "amount": 1500})
    assert client.v1.refunds.create({"charge": paid["latest_charge"]}).amount == 1499
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": paid["id"]})
    assert refused.value.code == "charge_already_refunded"
    assert client.v1.charges.retrieve(paid["latest_charge"]).refunded
    assert len(client.v1.refunds.list({"payment_intent": paid["id"]}).data) == 2
    assert simulator.wait_until_idle()
    assert shop.types().count("refund.created") == shop.types().count("charge.refunded") == 2


@pytest.mark.parametrize(
    "params", [{}, {"charge": "ch_none"}, {"reason": "because"}, {"payment_intent": "pi_none"}, {"amount": 5}]
)
def test_a_refund_needs_a_charge_or_a_payment_intent(client, params: dict) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params)
    assert refused.value.http_status == 400


def test_an_unpaid_intent_cannot_be_refunded(client, intent) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        client.v1.refunds.create({"payment_intent": intent.id})


def test_a_dashboard_refund_has_no_request(client, paid, simulator) -> None:
    refund = simulator.refund(paid["id"], amount=100)
    (event,) = client.v1.events.list({"type": "refund.created"}).data
    assert event.data.object.id == refund["id"]
    assert event.request.id is None


def test_a_failed_refund_gives_the_money_back_to_the_shop(client, paid, simulator, shop) -> None:
    refund = client.v1.refunds.create({"payment_intent": paid["id"]})
    simulator.fail_refund(refund.id)
    assert client.v1.refunds.retrieve(refund.id).status == "failed"
    charge = client.v1.charges.retrieve(paid["latest_charge"])
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert simulator.wait_until_idle()
    assert {"refund.updated", "refund.failed"} <= set(shop.types())
    with pytest.raises(ApiError):
        simulator.fail_refund(refund.id)


@pytest.mark.parametrize(
    ("card", "first", "last"),
    [("pm_card_pendingRefund", "pending", "succeeded"), ("pm_card_refundFail", "succeeded", "failed")],
)
def test_some_refunds_end_later(client, intent, simulator, card: str, first: str, last: str) -> None:
    simulator.pay(intent.id, card)
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == first
    assert simulator.wait_until_idle()
    assert client.v1.refunds.retrieve(refund.id).status == last


@pytest.mark.parametrize(
    ("won", "event"), [(True, "charge.dispute.funds_reinstated"), (False, "charge.dispute.closed")]
)
def test_a_dispute_blocks_refunds_and_is_won_or_lost(client, paid, simulator, shop, won: bool, event: str) -> None:
    dispute = simulator.dispute(paid["id"], reason="product_not_received")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": paid["id"]})
    assert refused.value.code == "charge_disputed"
    assert client.v1.disputes.list({"payment_intent": paid["id"]}).data[0].status == "needs_response"
    simulator.close_dispute(dispute["id"], won=won)
    assert client.v1.disputes.retrieve(dispute["id"]).status == ("won" if won else "lost")
    assert client.v1.balance.retrieve().available[0].amount == (1999 if won else 0)
    assert simulator.wait_until_idle()
    assert {"charge.dispute.created", "charge.dispute.funds_withdrawn", event} <= set(shop.types())


def test_the_dispute_card_is_disputed_once_paid(client, intent, simulator) -> None:
    assert simulator.pay(intent.id, "pm_card_createDispute")["status"] == "succeeded"
    assert client.v1.disputes.list().data[0].payment_intent == intent.id
