"""Events and their deliveries: signed, repeated, late, out of order, lost."""

import time
from itertools import pairwise

import pytest
import stripe

from shop.dev.stripe_simulator import StripeSimulator


def test_an_event_names_the_request_behind_it(client, simulator, shop) -> None:
    made = client.v1.payment_intents.create({"amount": 500, "currency": "usd"}, {"idempotency_key": "order-1"})
    assert simulator.wait_until_idle()
    (event,) = shop.events
    assert (event.type, event.data.object.id, event.api_version) == (
        "payment_intent.created",
        made.id,
        stripe.api_version,
    )
    assert event.request.idempotency_key == "order-1"
    assert event.request.id == made.last_response.request_id
    assert client.v1.events.retrieve(event.id).data.object.status == "requires_payment_method"


def test_a_wrong_secret_fails_the_signature_and_is_tried_again(intent, simulator, shop) -> None:
    assert simulator.wait_until_idle()
    shop.secret = "whsec_other"
    simulator.pay(intent.id)
    time.sleep(0.1)
    assert len(shop.events) == 1
    shop.secret = simulator.webhook_secret
    assert simulator.wait_until_idle()
    assert "payment_intent.succeeded" in shop.types()


def test_a_failing_shop_gets_the_event_again(client, simulator, shop) -> None:
    shop.answers = [500, 302, 429]
    client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert simulator.wait_until_idle()
    (delivery,) = simulator.deliveries()
    assert [each["outcome"] for each in delivery["attempts"]] == [500, 302, 429, 200]
    pauses = [after["at"] - before["at"] for before, after in pairwise(delivery["attempts"])]
    # Twice as long each time. A busy machine may be late, but never early.
    assert [pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.2), strict=True)] == [True, True, True]
    assert simulator.counters()["attempts"] == {"500": 1, "302": 1, "429": 1, "200": 1}


def test_a_rotated_secret_signs_together_with_the_old_one(client, simulator, shop) -> None:
    shop.secret = simulator.rotate_webhook_secret()
    client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert simulator.wait_until_idle()
    assert shop.signatures[0].count("v1=") == 2
    simulator.rotate_webhook_secret("whsec_third", overlap_seconds=0)
    shop.secret = "whsec_third"
    client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert simulator.wait_until_idle()
    assert len(shop.events) == 2


@pytest.mark.parametrize(("concurrently", "at_once"), [(True, 2), (False, 1)])
def test_copies_come_at_once_or_one_by_one(client, simulator, shop, concurrently: bool, at_once: int) -> None:
    simulator.deliver(copies=4, concurrently=concurrently)
    client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert simulator.wait_until_idle()
    assert len(shop.events) == 4
    assert len({event.id for event in shop.events}) == 1
    assert shop.most_at_once >= at_once if concurrently else shop.most_at_once == 1


@pytest.mark.parametrize("order", ["created", "reversed", ["payment_intent.succeeded", "payment_intent.created"]])
def test_held_events_are_released_in_the_order_asked_for(client, simulator, shop, order) -> None:
    simulator.deliver("hold")
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    simulator.pay(intent.id)
    assert simulator.wait_until_idle()
    assert shop.events == []
    simulator.deliver()
    released = [each["type"] for each in simulator.release(order)]
    assert simulator.wait_until_idle()
    assert shop.types() == released
    created = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    assert released == {"created": created, "reversed": created[::-1]}.get(str(order), order)


def test_a_lost_event_exists_but_never_arrives(intent, client, simulator, shop) -> None:
    assert simulator.wait_until_idle()
    simulator.deliver("lose", types=["payment_intent.*"], times=1)
    simulator.pay(intent.id)
    assert simulator.wait_until_idle()
    assert shop.types() == ["payment_intent.created", "charge.succeeded"]
    (lost,) = client.v1.events.list({"delivery_success": False}).data
    assert lost.type == "payment_intent.succeeded"
    simulator.resend(lost.id)
    assert simulator.wait_until_idle()
    assert shop.events[-1].id == lost.id


def test_a_delayed_event_comes_late(client, simulator, shop) -> None:
    simulator.deliver(delay=0.2)
    client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert not simulator.wait_until_idle(0.05)
    assert simulator.wait_until_idle()
    assert len(shop.events) == 1


def test_a_twin_says_the_same_under_another_id(intent, simulator, shop) -> None:
    assert simulator.wait_until_idle()
    twin = simulator.twin(shop.events[0].id)
    assert simulator.wait_until_idle()
    simulator.make_event("payment_intent.succeeded", intent.id)
    simulator.make_event("customer.created", {"id": "cus_1", "object": "customer"})
    assert simulator.wait_until_idle()
    assert shop.events[1].id == twin["id"] != shop.events[0].id
    assert shop.events[1].data.object.id == intent.id
    assert {"payment_intent.succeeded", "customer.created"} <= set(shop.types())


def test_events_are_listed_by_type_and_time_for_thirty_days(paid, client, simulator) -> None:
    assert len(client.v1.events.list({"type": "payment_intent.*"}).data) == 2
    assert len(client.v1.events.list({"types": ["charge.succeeded", "payment_intent.created"]}).data) == 2
    now = int(time.time())
    assert len(client.v1.events.list({"created": {"gte": now - 5, "lte": now + 5}, "limit": 1}).data) == 1
    with simulator.account.store.transaction():
        simulator.account.store.rows("UPDATE objects SET created = created - 31 * 86400 WHERE kind = 'event'")
    assert client.v1.events.list().data == []


def test_what_was_not_delivered_survives_a_restart(tmp_path, shop) -> None:
    options = {"state": tmp_path / "stripe.sqlite3", "webhook_secret": shop.secret, "first_retry": 0.05}
    with StripeSimulator(webhook_url="http://127.0.0.1:9/", **options) as first:
        first.make_event("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"})
        assert not first.wait_until_idle(0.1)
    with StripeSimulator(webhook_url=shop.url, **options) as second:
        assert second.wait_until_idle()
    assert shop.types() == ["payment_intent.succeeded"]
