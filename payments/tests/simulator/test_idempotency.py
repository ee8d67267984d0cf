"""Idempotency keys: a repeated request gets the first response."""

import threading

import pytest
import stripe

from .conftest import client_of

NEW = {"amount": 500, "currency": "usd"}
KEY = {"idempotency_key": "k1"}


def test_a_key_repeats_the_first_answer(client, simulator) -> None:
    first = client.v1.payment_intents.create(NEW, KEY)
    simulator.pay(first.id)
    again = client.v1.payment_intents.create(NEW, KEY)
    assert (again.id, again.status) == (first.id, "requires_payment_method")
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(simulator.state()["payment_intents"]) == 1


def test_a_key_is_good_for_one_set_of_parameters_and_one_endpoint(client, intent) -> None:
    client.v1.payment_intents.create(NEW, KEY)
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        client.v1.payment_intents.create({**NEW, "amount": 501}, KEY)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.payment_intents.cancel(intent.id, {}, KEY)


def test_a_refusal_is_kept_but_a_failed_validation_is_not(client, intent, simulator) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": 1, "currency": "usd", "nonsense": "1"}, KEY)
    assert client.v1.payment_intents.create(NEW, KEY).amount == 500
    refusal = {"idempotency_key": "k2"}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
            client.v1.refunds.create({"payment_intent": intent.id}, refusal)
        simulator.pay(intent.id) if not simulator.state()["charges"] else None


def test_a_declined_confirmation_is_repeated_without_a_second_charge(client, intent, simulator) -> None:
    params = {"payment_method": "pm_card_chargeDeclined", "return_url": "https://a.example"}
    for _ in range(3):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.confirm(intent.id, params, KEY)
    assert len(simulator.state()["charges"]) == 1


def test_a_stored_server_error_outlives_the_outage(simulator, client) -> None:
    simulator.fail("server_error", times=1)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            client_of(simulator.url, retries=2).v1.payment_intents.create(NEW, KEY)
        assert failed.value.http_status == 500
    assert simulator.state()["payment_intents"] == []
    assert client.v1.payment_intents.create(NEW, {"idempotency_key": "k2"}).amount == 500


def test_a_twin_in_flight_is_refused(simulator) -> None:
    simulator.fail("slow", times=1, seconds=0.4)
    answers: list = []
    first = threading.Thread(
        target=lambda: answers.append(client_of(simulator.url).v1.payment_intents.create(NEW, KEY))
    )
    first.start()
    while "slow" not in str(simulator.counters()) and simulator.faults.as_json():
        pass
    threading.Event().wait(0.1)
    with pytest.raises(stripe.APIError) as refused:
        client_of(simulator.url).v1.payment_intents.create(NEW, KEY)
    assert refused.value.http_status == 409
    assert refused.value.error.code == "idempotency_key_in_use"
    assert client_of(simulator.url, retries=3).v1.payment_intents.create(NEW, KEY).amount == 500
    first.join()
    assert len(simulator.state()["payment_intents"]) == 1


def test_twenty_racing_calls_with_one_key_make_one_intent(simulator) -> None:
    made: list[str] = []

    def create() -> None:
        made.append(client_of(simulator.url, retries=5).v1.payment_intents.create(NEW, KEY).id)

    threads = [threading.Thread(target=create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert len(set(made)) == len(simulator.state()["payment_intents"]) == 1
