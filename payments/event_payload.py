"""Allow-list of the event fields that are stored; others may be secret or personal."""

from typing import Any

# None: a scalar, or an expanded object's id. A dictionary: a nested object. A list: a list of these.
Fields = dict[str, Any]

_COMMON: Fields = {"id": None, "object": None, "livemode": None, "created": None}
_AMOUNT: Fields = {"amount": None, "currency": None}
_OBJECTS: dict[str, Fields] = {
    "payment_intent": {
        "status": None,
        "amount_received": None,
        "cancellation_reason": None,
        "latest_charge": None,
        "last_payment_error": {
            "code": None,
            "decline_code": None,
            "message": None,
            "charge": None,
            "payment_method": {"id": None},
        },
        "metadata": {"payment": None, "order": None},
        **_AMOUNT,
    },
    "charge": {"payment_intent": None, "status": None, "amount_refunded": None, **_AMOUNT},
    "refund": {
        "payment_intent": None,
        "charge": None,
        "status": None,
        "reason": None,
        "failure_reason": None,
        "metadata": {"payment": None, "refund": None},
        **_AMOUNT,
    },
    "dispute": {
        "payment_intent": None,
        "charge": None,
        "status": None,
        "reason": None,
        "evidence_details": {"due_by": None},
        "balance_transactions": [{"fee": None, "currency": None}],
        **_AMOUNT,
    },
}
_EVENT: Fields = {**_COMMON, "type": None, "api_version": None}


def stored_part(event: Any) -> dict[str, Any]:
    """Return the fields of an event that are stored; idempotent."""
    kept = _pick(event, _EVENT)
    data = event.get("data") if isinstance(event, dict) else None
    found = data.get("object") if isinstance(data, dict) else None
    if isinstance(found, dict):
        kind = found.get("object")
        fields = _OBJECTS.get(kind, {}) if isinstance(kind, str) else {}
        kept["data"] = {"object": _pick(found, {**_COMMON, **fields})}
    return kept


def _pick(source: Any, fields: Fields) -> dict[str, Any]:
    if not isinstance(source, dict):
        return {}
    return {name: _kept(source[name], nested) for name, nested in fields.items() if name in source}


def _kept(value: Any, nested: Fields | list[Fields] | None) -> Any:
    if isinstance(nested, list):
        return [_pick(each, nested[0]) for each in value] if isinstance(value, list) else None
    if nested is not None:
        return _pick(value, nested) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = value.get("id")
    return None if isinstance(value, dict | list) else value
