"""Customers and CustomerSessions. No events: a shop's endpoint does not subscribe to them."""

import time
from typing import Any

from .params import EXPAND, Schema, boolean, choice, email, merge_metadata, metadata, nullable, record, string
from .session import Session
from .store import Object, new_id

SESSION_SECONDS = 30 * 60

CREATE: Schema = {
    "description": nullable(string()),
    "email": nullable(email),
    "expand": EXPAND,
    "metadata": metadata,
    "name": nullable(string(256)),
    "phone": nullable(string(20)),
}
_SWITCH = choice("enabled", "disabled")
_FEATURES = record(
    {
        "payment_method_redisplay": _SWITCH,
        "payment_method_remove": _SWITCH,
        "payment_method_save": _SWITCH,
        "payment_method_save_usage": choice("off_session", "on_session"),
    }
)
CREATE_SESSION: Schema = {
    "components": record(
        {"payment_element": record({"enabled": boolean, "features": _FEATURES}, required=("enabled",))},
        required=("payment_element",),
    ),
    "customer": string(),
    "expand": EXPAND,
}

_COPIED = ("description", "email", "name", "phone")


def create(session: Session, params: dict[str, Any]) -> Object:
    customer: Object = {
        "id": new_id("cus", 14),
        "object": "customer",
        "created": int(time.time()),
        "description": None,
        "email": None,
        "livemode": False,
        "metadata": {},
        "name": None,
        "phone": None,
    }
    return session.store.insert(_apply(customer, params))


def update(session: Session, params: dict[str, Any], customer_id: str) -> Object:
    customer = session.get("customer", customer_id, param="id")
    return session.store.save(_apply(customer, params))


def delete(session: Session, _params: dict[str, Any], customer_id: str) -> Object:
    session.get("customer", customer_id, param="id")
    session.store.delete(customer_id)
    return {"id": customer_id, "object": "customer", "deleted": True}


def create_session(session: Session, params: dict[str, Any]) -> Object:
    customer = session.get("customer", params["customer"], param="customer", status=400)
    now = int(time.time())
    return {
        "object": "customer_session",
        "client_secret": new_id("cuss_secret", 40),
        "components": params["components"],
        "created": now,
        "customer": customer["id"],
        "expires_at": now + SESSION_SECONDS,
        "livemode": False,
    }


def _apply(customer: Object, params: dict[str, Any]) -> Object:
    customer.update({name: params[name] for name in _COPIED if name in params})
    if "metadata" in params:
        customer["metadata"] = merge_metadata(customer["metadata"], params["metadata"])
    return customer
