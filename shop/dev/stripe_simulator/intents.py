"""Endpoints of PaymentIntents; `payment` handles the money."""

import hmac
import time
from typing import Any

from . import money, payment
from .errors import ApiError, invalid, malformed, unexpected_state
from .params import (
    EXPAND,
    Schema,
    array,
    boolean,
    choice,
    email,
    integer,
    merge_metadata,
    metadata,
    nullable,
    record,
    refused,
    string,
)
from .session import Session
from .store import Object, new_id

_ADDRESS = record({name: nullable(string()) for name in ("city", "country", "line1", "line2", "postal_code", "state")})
_SHIPPING = record(
    {
        "address": _ADDRESS,
        "name": string(),
        "carrier": nullable(string()),
        "phone": nullable(string()),
        "tracking_number": nullable(string()),
    },
    required=("address", "name"),
)
_CARD = record(
    {"number": string(32), "exp_month": integer(), "exp_year": integer(minimum=0), "cvc": string(8)},
    required=("number", "exp_month", "exp_year"),
)
_BILLING = record(
    {"address": _ADDRESS, "email": nullable(email), "name": nullable(string()), "phone": nullable(string())}
)
_METHOD_DATA = record(
    {"type": string(), "card": _CARD, "billing_details": _BILLING, "allow_redisplay": string(), "metadata": metadata},
    required=("type",),
)
_OUT_OF_SCOPE = refused("it is outside what a shop with simple card payments needs.")
_OF_EVERY_CALL: Schema = {
    "allowed_payment_method_types": nullable(array(string())),
    "amount_details": _OUT_OF_SCOPE,
    "capture_method": choice("automatic", "automatic_async", "manual"),
    "excluded_payment_method_types": nullable(array(string())),
    "expand": EXPAND,
    "hooks": _OUT_OF_SCOPE,
    "payment_details": _OUT_OF_SCOPE,
    "payment_method": nullable(string()),
    "payment_method_data": _METHOD_DATA,
    "payment_method_options": _OUT_OF_SCOPE,
    "receipt_email": nullable(email),
    "setup_future_usage": _OUT_OF_SCOPE,
    "shipping": nullable(_SHIPPING),
}
_OF_CONFIRMING: Schema = {
    "confirmation_token": _OUT_OF_SCOPE,
    "error_on_requires_action": boolean,
    "mandate": _OUT_OF_SCOPE,
    "mandate_data": _OUT_OF_SCOPE,
    "off_session": boolean,
    "radar_options": _OUT_OF_SCOPE,
    "return_url": string(),
    "use_stripe_sdk": boolean,
}
_OF_THE_PAYMENT: Schema = {
    "amount": integer(minimum=1),
    "application_fee_amount": _OUT_OF_SCOPE,
    "currency": money.currency,
    "customer": string(),
    "customer_account": _OUT_OF_SCOPE,
    "description": nullable(string(1000)),
    "metadata": metadata,
    "payment_method_configuration": _OUT_OF_SCOPE,
    "statement_descriptor": nullable(string(22)),
    "statement_descriptor_suffix": nullable(string(22)),
    "transfer_data": _OUT_OF_SCOPE,
    "transfer_group": _OUT_OF_SCOPE,
}
CREATE: Schema = {
    **_OF_EVERY_CALL,
    **_OF_CONFIRMING,
    **_OF_THE_PAYMENT,
    "automatic_payment_methods": record(
        {"enabled": boolean, "allow_redirects": choice("always", "never")}, required=("enabled",)
    ),
    "confirm": boolean,
    "confirmation_method": choice("automatic", "manual"),
    "on_behalf_of": _OUT_OF_SCOPE,
}
UPDATE: Schema = {**_OF_EVERY_CALL, **_OF_THE_PAYMENT}
CONFIRM: Schema = {
    **_OF_EVERY_CALL,
    **_OF_CONFIRMING,
    "amount_to_confirm": integer(minimum=1),
    "client_secret": string(),
}
RETRIEVE: Schema = {"client_secret": string(), "expand": EXPAND}
CANCEL: Schema = {
    "cancellation_reason": choice("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
    "expand": EXPAND,
}
AUTHENTICATE: Schema = {"success": boolean, "client_secret": string(), "expand": EXPAND}

_COPIED = (
    "customer",
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
_TYPES = ("allowed_payment_method_types", "excluded_payment_method_types")
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(session: Session, params: dict[str, Any]) -> Object:
    _check_scope(session, params)
    money.check_amount(params["amount"], params["currency"])
    if (params.get("off_session") is not None or params.get("return_url")) and not params.get("confirm"):
        param = "off_session" if "off_session" in params else "return_url"
        raise invalid(f"You can only use `{param}` when `confirm` is true.", param=param)
    intent_id = new_id("pi")
    automatic = params.get("automatic_payment_methods", {"enabled": True})
    intent: Object = {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", **automatic},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": new_id(f"{intent_id}_secret", 25),
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": params["currency"],
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    _apply(intent, params)
    _attach(session, intent, params)
    session.store.insert(intent)
    session.emit("payment_intent.created", intent)
    return _confirm(session, intent, params) if params.get("confirm") else intent


def retrieve(session: Session, params: dict[str, Any], intent_id: str) -> Object:
    return payment.view(session, _reach(session, intent_id, params))


def update(session: Session, params: dict[str, Any], intent_id: str) -> Object:
    intent = session.get("payment_intent", intent_id, param="intent")
    _check_scope(session, params)
    if intent["status"] not in _OPEN:
        for name in ("amount", "currency", "payment_method", "payment_method_data", "shipping", "receipt_email"):
            if name in params:
                raise unexpected_state(
                    f"This PaymentIntent's {name} could not be updated because it has a status of "
                    f"{intent['status']}. You may only update the {name} of a PaymentIntent with one of the following "
                    f"statuses: {', '.join(_OPEN)}.",
                    intent,
                )
    if "amount" in params or "currency" in params:
        intent["currency"] = params.get("currency", intent["currency"])
        intent["amount"] = params.get("amount", intent["amount"])
        money.check_amount(intent["amount"], intent["currency"])
        if intent["status"] == "requires_action":
            intent |= {"status": "requires_confirmation", "next_action": None}
    _apply(intent, params)
    _attach(session, intent, params)
    return session.store.save(intent)


def confirm(session: Session, params: dict[str, Any], intent_id: str) -> Object:
    intent = _reach(session, intent_id, params)
    _check_scope(session, params)
    if intent["status"] not in _OPEN:
        raise unexpected_state(_cannot_confirm(intent["status"]), payment.view(session, intent))
    if params.get("amount_to_confirm", intent["amount"]) != intent["amount"]:
        raise invalid("The amount to confirm does not match the PaymentIntent's amount.", param="amount_to_confirm")
    _apply(intent, params)
    _attach(session, intent, params)
    return _confirm(session, intent, params)


def authenticate(session: Session, params: dict[str, Any], intent_id: str) -> Object:
    """Replace the bank's page; not in Stripe's API."""
    intent = _reach(session, intent_id, params)
    if intent["status"] != "requires_action":
        raise unexpected_state("This PaymentIntent is not waiting for authentication.", payment.view(session, intent))
    return payment.view(session, payment.authenticated(session, intent, success=params.get("success", True)))


def cancel(session: Session, params: dict[str, Any], intent_id: str) -> Object:
    intent = session.get("payment_intent", intent_id, param="intent")
    # Stripe rarely cancels a processing bank debit; here never.
    if intent["status"] not in _OPEN:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {', '.join(_OPEN)}.",
            intent,
        )
    intent |= {
        "status": "canceled",
        "canceled_at": int(time.time()),
        "cancellation_reason": params.get("cancellation_reason"),
        "next_action": None,
    }
    session.store.save(intent)
    session.emit("payment_intent.canceled", intent)
    return intent


def _reach(session: Session, intent_id: str, params: dict[str, Any]) -> Object:
    """Accept the secret key or the client secret."""
    sent = params.get("client_secret")
    if session.publishable and sent is None:
        raise malformed("Missing required param: client_secret.", code="parameter_missing", param="client_secret")
    intent = session.get("payment_intent", intent_id, param="intent")
    if sent is not None and not hmac.compare_digest(sent.encode(), intent["client_secret"].encode()):
        raise invalid(
            "The client_secret provided does not match the client_secret associated with the PaymentIntent.",
            code="payment_intent_invalid_parameter",
            param="client_secret",
        )
    return intent


def _check_scope(session: Session, params: dict[str, Any]) -> None:
    if params.get("capture_method") == "manual" or params.get("confirmation_method") == "manual":
        raise malformed(
            "The simulator supports automatic capture and automatic confirmation only.", param="capture_method"
        )
    if "customer" in params:
        session.get("customer", params["customer"], param="customer", status=400)
    if "card" in params.get("payment_method_data", {}) and not session.publishable:
        raise ApiError(
            402,
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test "
            "tokens that map to the test card you are using, see https://stripe.com/docs/testing.",
        )
    if "payment_method" in params and "payment_method_data" in params:
        raise malformed("You may only specify one of these parameters: payment_method, payment_method_data.")


def _apply(intent: Object, params: dict[str, Any]) -> None:
    """Copy parameters that are only stored."""
    intent.update({name: params[name] for name in (*_COPIED, *_TYPES, "capture_method") if name in params})
    if "metadata" in params:
        intent["metadata"] = merge_metadata(intent["metadata"], params["metadata"])


def _attach(session: Session, intent: Object, params: dict[str, Any]) -> None:
    if "payment_method" not in params and "payment_method_data" not in params:
        return
    method = payment.method(session, params)
    intent["payment_method"] = method["id"] if method else None
    intent["status"] = "requires_confirmation" if method else "requires_payment_method"
    intent["next_action"] = None


def _confirm(session: Session, intent: Object, params: dict[str, Any]) -> Object:
    if intent["payment_method"] is None:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
            payment.view(session, intent),
        )
    redirects = intent["automatic_payment_methods"]
    # Stripe.js may omit the return URL for cards; a server may not.
    if (
        redirects["enabled"]
        and redirects["allow_redirects"] == "always"
        and not (session.publishable or params.get("return_url"))
    ):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
            "If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
            "Payment Intents.",
            param="return_url",
        )
    return payment.view(session, payment.attempt(session, intent, params))


def _cannot_confirm(status: str) -> str:
    if status == "succeeded":
        return (
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
    return (
        f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one of "
        "the following statuses may be confirmed: requires_confirmation, requires_action."
    )
