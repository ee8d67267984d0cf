import time
from typing import Any
from urllib.parse import urlencode

from . import cards, charges, disputes
from .cards import Behaviour, Decline
from .errors import ApiError
from .session import Session
from .store import Object, new_id

_SECRETS_OF_THE_SHOP = ("amount_received", "latest_charge", "metadata")
_FAILED_AUTHENTICATION = Decline(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)


def method(session: Session, params: dict[str, Any]) -> Object | None:
    """Find or create the PaymentMethod; None unsets it."""
    name: str | None = None
    details: Object = {}
    if "payment_method_data" in params:
        data = params["payment_method_data"]
        cards.require_type(data["type"])
        behaviour = cards.by_number(data.get("card", {"number": "", "exp_month": 0, "exp_year": 0}))
        details = data.get("billing_details", {})
    else:
        name = params["payment_method"]
        if name is None:
            return None
        if (known := session.store.find(name, "payment_method")) is not None:
            return known
        behaviour = cards.by_name(name)
    made = {
        "id": new_id("pm"),
        "object": "payment_method",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, **details},
        "created": int(time.time()),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": behaviour.type,
        **cards.describe(behaviour),
    }
    return session.store.insert(made, name=name, number=behaviour.number)


def view(session: Session, intent: Object) -> Object:
    """Hide the shop's private fields from browsers."""
    if not session.publishable:
        return intent
    return {name: value for name, value in intent.items() if name not in _SECRETS_OF_THE_SHOP}


def attempt(session: Session, intent: Object, params: dict[str, Any]) -> Object:
    """Charge or require authentication. Raises 402 for a declined card."""
    behaviour = charges.method_behaviour(session, intent["payment_method"])
    intent |= {"last_payment_error": None, "next_action": None}
    if not behaviour.authentication:
        return _charge(session, intent, behaviour)
    if params.get("off_session") or params.get("error_on_requires_action"):
        # The shopper is not present to authenticate.
        return _decline(session, intent, behaviour, cards.AUTHENTICATION_REQUIRED)
    intent |= {"status": "requires_action", "next_action": _next_action(session, intent, params)}
    session.store.save(intent)
    session.emit("payment_intent.requires_action", intent)
    return intent


def authenticated(session: Session, intent: Object, *, success: bool) -> Object:
    """Record declines in the intent: the bank's page calls this."""
    behaviour = charges.method_behaviour(session, intent["payment_method"])
    intent["next_action"] = None
    if not success:
        return _fail(session, intent, _FAILED_AUTHENTICATION, charge=None)
    try:
        return _charge(session, intent, behaviour)
    except ApiError:
        return session.get("payment_intent", intent["id"])


def finish_processing(session: Session, intent: Object, *, success: bool) -> Object:
    charge = session.get("charge", intent["latest_charge"])
    decline = None if success else charges.behaviour_of(session, charge).decline or cards.BANK_FUNDS
    charges.finalize(session, charge, decline)
    return _fail(session, intent, decline, charge) if decline else _succeed(session, intent, charge)


def _charge(session: Session, intent: Object, behaviour: Behaviour) -> Object:
    late = behaviour.settles != "at_once"
    if behaviour.decline and not late:
        return _decline(session, intent, behaviour, behaviour.decline)
    payment_method = session.get("payment_method", intent["payment_method"])
    charge = charges.create(session, intent, payment_method, behaviour, None)
    if not late:
        return _succeed(session, intent, charge)
    intent |= {"status": "processing", "latest_charge": charge["id"]}
    session.store.save(intent)
    session.emit("payment_intent.processing", intent)
    if behaviour.settles != "waits":
        session.later(f"processing_{behaviour.settles}", intent)
    return intent


def _succeed(session: Session, intent: Object, charge: Object) -> Object:
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "last_payment_error": None,
    }
    session.store.save(intent)
    session.emit("payment_intent.succeeded", intent)
    if (reason := charges.behaviour_of(session, charge).dispute) is not None:
        disputes.open_dispute(session, charge, reason=reason)
    return intent


def _decline(session: Session, intent: Object, behaviour: Behaviour, decline: Decline) -> Object:
    payment_method = session.get("payment_method", intent["payment_method"])
    charge = charges.create(session, intent, payment_method, behaviour, decline)
    _fail(session, intent, decline, charge)
    error = {name: value for name, value in intent["last_payment_error"].items() if name not in ("message", "type")}
    raise ApiError(402, decline.message, error_type="card_error", payment_intent=view(session, intent), **error)


def _fail(session: Session, intent: Object, decline: Decline, charge: Object | None) -> Object:
    error: Object = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": session.get("payment_method", intent["payment_method"]),
        "type": "invalid_request_error" if decline is _FAILED_AUTHENTICATION else "card_error",
    }
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    if charge:
        error["charge"] = intent["latest_charge"] = charge["id"]
    intent |= {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "next_action": None,
        "payment_method": None,
    }
    session.store.save(intent)
    session.emit("payment_intent.payment_failed", intent)
    return intent


def _next_action(session: Session, intent: Object, params: dict[str, Any]) -> Object:
    if "return_url" not in params or params.get("use_stripe_sdk"):
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    query = urlencode({"client_secret": intent["client_secret"], "return_url": params["return_url"]})
    url = f"{session.base_url}/_simulator/bank/{intent['id']}?{query}"
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": params["return_url"], "url": url}}
