"""PaymentIntents from creation to the end, for the SDK and for browsers."""

import pytest
import stripe

from shop.dev.stripe_simulator import ApiError, StripeSimulator
from shop.dev.stripe_simulator.events import API_VERSION

from .conftest import Shop, client_of

TYPED_IN = {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}}


def card(number: str) -> dict:
    return {"type": "card", "card": {**TYPED_IN["card"], "number": number}}


def test_it_speaks_the_version_that_the_sdk_pins() -> None:
    assert stripe.api_version == API_VERSION


def test_a_new_intent_waits_for_a_payment_method(intent: stripe.PaymentIntent) -> None:
    assert intent.status == "requires_payment_method"
    assert (intent.amount, intent.currency, intent.livemode) == (1999, "eur", False)
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.metadata["order"] == "7"


def test_a_browser_pays_with_a_typed_in_card(
    browser: stripe.StripeClient,
    client: stripe.StripeClient,
    intent: stripe.PaymentIntent,
    simulator: StripeSimulator,
    shop: Shop,
) -> None:
    seen = browser.v1.payment_intents.confirm(
        intent.id, {"client_secret": intent.client_secret, "payment_method_data": TYPED_IN}
    )
    assert seen.status == "succeeded"
    assert "metadata" not in seen
    found = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert found.amount_received == 1999
    assert found.latest_charge.payment_method_details.card.last4 == "4242"
    assert simulator.wait_until_idle()
    assert sorted(shop.types()) == ["charge.succeeded", "payment_intent.created", "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ],
)
def test_a_declined_card_leaves_the_intent_payable(
    browser: stripe.StripeClient,
    intent: stripe.PaymentIntent,
    simulator: StripeSimulator,
    shop: Shop,
    method: str,
    code: str,
    decline_code: str,
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        browser.v1.payment_intents.confirm(intent.id, {"client_secret": intent.client_secret, "payment_method": method})
    error = declined.value.error
    assert (declined.value.http_status, error.code, error.decline_code) == (402, code, decline_code)
    assert error.payment_intent["status"] == "requires_payment_method"
    assert error.payment_intent["last_payment_error"]["code"] == code
    assert simulator.pay(intent.id)["status"] == "succeeded"
    assert simulator.wait_until_idle()
    assert {"charge.failed", "payment_intent.payment_failed", "payment_intent.succeeded"} <= set(shop.types())


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000002", "card_declined"),
        ("4000000000009995", "card_declined"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "incorrect_cvc"),
        ("4242424242424241", "incorrect_number"),
        ("4111111111111111", "card_declined"),
    ],
)
def test_card_numbers_decline_as_their_names_do(
    browser: stripe.StripeClient, intent: stripe.PaymentIntent, number: str, code: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        browser.v1.payment_intents.confirm(
            intent.id, {"client_secret": intent.client_secret, "payment_method_data": card(number)}
        )
    assert declined.value.code == code


@pytest.mark.parametrize(("success", "status"), [("true", "succeeded"), ("false", "requires_payment_method")])
def test_three_d_secure_waits_for_the_shopper(
    http, browser, intent, simulator, shop, success: str, status: str
) -> None:
    waiting = browser.v1.payment_intents.confirm(
        intent.id,
        {
            "client_secret": intent.client_secret,
            "payment_method": "pm_card_threeDSecure2Required",
            "return_url": "https://a.example/x?y=1",
        },
    )
    assert waiting.status == "requires_action"
    assert waiting.next_action.redirect_to_url.url.startswith(simulator.url)
    body = f"key=pk_test_simulator&client_secret={intent.client_secret}&success={success}".encode()
    code, done, _ = http("POST", f"/v1/payment_intents/{intent.id}/_authenticate", body)
    assert (code, done["status"], done["next_action"]) == (200, status, None)
    assert simulator.wait_until_idle()
    assert "payment_intent.requires_action" in shop.types()
    if success == "false":
        assert done["last_payment_error"]["code"] == "payment_intent_authentication_failure"


@pytest.mark.parametrize(
    ("method", "status"),
    [("pm_usBankAccount_success", "succeeded"), ("pm_usBankAccount_insufficientFunds", "requires_payment_method")],
)
def test_a_bank_debit_is_processing_before_it_ends(client, intent, simulator, shop, method: str, status: str) -> None:
    assert simulator.pay(intent.id, method)["status"] == "processing"
    with pytest.raises(stripe.InvalidRequestError, match="status of processing"):
        client.v1.payment_intents.cancel(intent.id)
    assert simulator.wait_until_idle()
    assert client.v1.payment_intents.retrieve(intent.id).status == status
    assert "payment_intent.processing" in shop.types()


def test_a_processing_intent_can_be_finished_by_hand(client, intent, simulator) -> None:
    simulator.pay(intent.id, "pm_usBankAccount_processing")
    assert simulator.wait_until_idle()
    assert client.v1.payment_intents.retrieve(intent.id).status == "processing"
    assert simulator.finish_processing(intent.id, success=True)["amount_received"] == 1999


def test_a_succeeded_intent_cannot_be_canceled_or_confirmed(client, paid) -> None:
    for refuse in (
        lambda: client.v1.payment_intents.cancel(paid["id"]),
        lambda: client.v1.payment_intents.confirm(
            paid["id"], {"payment_method": "pm_card_visa", "return_url": "https://a.example"}
        ),
        lambda: client.v1.payment_intents.update(paid["id"], {"amount": 5}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            refuse()
        assert refused.value.code == "payment_intent_unexpected_state"
        assert refused.value.error.payment_intent["status"] == "succeeded"


def test_a_canceled_intent_stays_canceled(client, intent, simulator, shop) -> None:
    gone = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        client.v1.payment_intents.cancel(intent.id)
    with pytest.raises(ApiError, match="status of canceled"):
        simulator.pay(intent.id)
    assert simulator.wait_until_idle()
    assert sorted(shop.types()) == ["payment_intent.canceled", "payment_intent.created"]


def test_an_open_intent_can_be_changed(client, intent) -> None:
    changed = client.v1.payment_intents.update(intent.id, {"amount": 2500, "metadata": {"order": "", "b": "2"}})
    assert changed.amount == 2500
    assert changed.metadata.to_dict() == {"b": "2"}


def test_intents_are_listed_newest_first_in_pages(client) -> None:
    made = [client.v1.payment_intents.create({"amount": 100 + n, "currency": "usd"}).id for n in range(5)]
    first = client.v1.payment_intents.list({"limit": 2})
    assert [each.id for each in first.data] == made[:2:-1]
    assert first.has_more
    everything = [each.id for each in first.auto_paging_iter()]
    assert everything == made[::-1]
    assert client.v1.payment_intents.list({"created": {"gte": 2**40}}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent"):
        client.v1.payment_intents.list({"starting_after": "pi_none"})


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"currency": "eur"}, "parameter_missing", "amount"),
        ({"amount": 100}, "parameter_missing", "currency"),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": 10**10, "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": "12.5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0, "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 100, "currency": "zzz"}, None, "currency"),
        ({"amount": 100, "currency": "usd", "colour": "red"}, "parameter_unknown", "colour"),
        ({"amount": 100, "currency": "usd", "shipping": {"name": "A", "x": "1"}}, "parameter_unknown", "shipping[x]"),
        ({"amount": 100, "currency": "usd", "receipt_email": "nobody"}, "email_invalid", "receipt_email"),
        ({"amount": 100, "currency": "usd", "metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"amount": 100, "currency": "usd", "metadata": {str(n): "v" for n in range(51)}}, None, "metadata"),
        ({"amount": 100, "currency": "usd", "customer": "cus_1"}, "resource_missing", "customer"),
        ({"amount": 100, "currency": "usd", "payment_method": "pm_no"}, "resource_missing", "payment_method"),
        ({"amount": 100, "currency": "usd", "capture_method": "manual"}, None, "capture_method"),
        ({"amount": 100, "currency": "usd", "description": ""}, "ok", None),
        (
            {"amount": 100, "currency": "usd", "payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
    ],
)
def test_parameters_are_checked_strictly(client, simulator, params: dict, code: str | None, param: str | None) -> None:
    if code == "ok":
        assert client.v1.payment_intents.create(params).description is None
        return
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create(params)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert refused.value.request_id.startswith("req_")
    assert simulator.state()["payment_intents"] == []


def test_keys_work_only_for_their_own_calls(http, client, browser, intent, simulator) -> None:
    assert http("GET", "/v1/balance")[0] == 401
    with pytest.raises(stripe.AuthenticationError):
        client_of(simulator.url, "sk_test_wrong").v1.balance.retrieve()
    with pytest.raises(stripe.PermissionError) as refused:
        browser.v1.payment_intents.cancel(intent.id)
    assert refused.value.error.code == "secret_key_required"
    with pytest.raises(stripe.InvalidRequestError, match="does not match"):
        browser.v1.payment_intents.retrieve(intent.id, {"client_secret": "pi_x_secret_é"})
    with pytest.raises(stripe.InvalidRequestError, match="client_secret"):
        browser.v1.payment_intents.retrieve(intent.id)
    assert browser.v1.payment_intents.retrieve(intent.id, {"client_secret": intent.client_secret}).amount == 1999
    status, _, headers = http("OPTIONS", f"/v1/payment_intents/{intent.id}/confirm", Origin="https://a.example")
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")
    with pytest.raises(stripe.CardError, match="unsafe"):
        client.v1.payment_intents.confirm(
            intent.id, {"payment_method_data": TYPED_IN, "return_url": "https://a.example"}
        )


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"%ff=1", b"amount[=1&currency]x", b"a[b]=1&a=2&a[b][c]=3", b"{}", b"&" * 2000, b"a" + b"[b]" * 50],
)
def test_a_broken_body_is_a_400_and_not_a_traceback(http, capfd, body: bytes) -> None:
    status, answer, _ = http("POST", "/v1/payment_intents", body, Authorization="Bearer sk_test_simulator")
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert http("GET", "/v1/nothing", Authorization="Bearer sk_test_simulator")[0] == 404
    assert "Traceback" not in capfd.readouterr().err
