"""Validate the fields of Stripe events that the shop reads: https://docs.stripe.com/api/events/object."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from payments.models import StripeEvent
from shop.db.fields import field_of

Check = Callable[[Any], bool]

# The maximum of ``datetime``.
_MAX_TIMESTAMP = 253_402_300_799


def is_event(body: Any) -> bool:
    if not isinstance(body, dict) or not _matches(body, _EVENT):
        return False
    kind, found = kind_of(body["type"]), body["data"]["object"]
    return not kind or (found.get("object") == kind and _matches(found, _OBJECTS[kind]))


def kind_of(event_type: str) -> str:
    """Return the kind of object that the shop applies, or "" for other events."""
    if event_type.startswith("payment_intent."):
        return "payment_intent"
    if event_type.startswith(("refund.", "charge.refund.")):
        return "refund"
    if event_type.startswith("charge.dispute."):
        return "dispute"
    return "charge" if event_type == "charge.refunded" else ""


def _matches(values: Mapping[str, Any], checks: Mapping[str, Check]) -> bool:
    return all(check(values.get(name)) for name, check in checks.items())


def _text(max_length: int) -> Check:
    return lambda value: isinstance(value, str) and 0 < len(value) <= max_length


def _integer(maximum: int) -> Check:
    # bool is a subclass of int.
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= maximum


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _any_text(value: Any) -> bool:
    return isinstance(value, str)


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _object(checks: Mapping[str, Check]) -> Check:
    return lambda value: isinstance(value, dict) and _matches(value, checks)


def _id_or_object(value: Any) -> bool:
    """Accept an id, or the object of an expanded field."""
    return _id(value) or (isinstance(value, dict) and _id(value.get("id")))


def _length_of(field: str) -> int:
    return cast("int", field_of(StripeEvent, field).max_length)


def _list_of(check: Check, most: int) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(check, value))


def _fee(value: Any) -> bool:
    """Accept what is charged, and negative what is given back."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 10**15


_id = _text(255)
_amount = _integer(10**15)
_metadata = _optional(lambda value: isinstance(value, dict) and all(map(_any_text, value.values())))

_EVENT: dict[str, Check] = {
    "object": lambda value: value == "event",
    "id": _text(_length_of("id")),
    "type": _text(_length_of("type")),
    "created": _integer(_MAX_TIMESTAMP),
    "livemode": _boolean,
    "data": _object({"object": _object({})}),
}
_PAYMENT_ERROR: dict[str, Check] = {
    "charge": _optional(_any_text),
    "code": _optional(_any_text),
    "message": _optional(_any_text),
    "payment_method": _optional(_id_or_object),
}
_OBJECTS: dict[str, dict[str, Check]] = {
    "payment_intent": {
        "id": _id,
        "status": _text(40),
        "amount": _amount,
        "amount_received": _optional(_amount),
        "currency": _text(3),
        "livemode": _boolean,
        "client_secret": _optional(_any_text),
        "metadata": _metadata,
        "last_payment_error": _optional(_object(_PAYMENT_ERROR)),
    },
    "refund": {
        "id": _id,
        "amount": _amount,
        "status": _optional(_text(20)),
        "payment_intent": _optional(_id_or_object),
        "reason": _optional(_any_text),
        "failure_reason": _optional(_any_text),
        "metadata": _metadata,
    },
    "dispute": {
        "id": _id,
        "status": _text(40),
        "payment_intent": _optional(_id_or_object),
        "amount": _optional(_amount),
        "currency": _optional(_text(3)),
        "reason": _optional(lambda value: isinstance(value, str) and len(value) <= 100),
        "evidence_details": _optional(_object({"due_by": _optional(_integer(_MAX_TIMESTAMP))})),
        "balance_transactions": _optional(_list_of(_object({"fee": _fee, "currency": _text(3)}), 10)),
    },
    "charge": {"payment_intent": _optional(_id_or_object)},
}
