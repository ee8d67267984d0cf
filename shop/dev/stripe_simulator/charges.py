import time
from typing import Any

from . import cards
from .cards import Behaviour, Decline
from .session import Session
from .store import Object, new_id


def create(session: Session, intent: Object, method: Object, behaviour: Behaviour, decline: Decline | None) -> Object:
    """Create a charge: succeeded, pending (bank debits) or failed."""
    pending = behaviour.settles != "at_once" and decline is None
    status = "failed" if decline else "pending" if pending else "succeeded"
    charge = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if decline else intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None if decline or pending else new_id("txn"),
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": intent["statement_descriptor"] or "SHOP",
        "captured": decline is None,
        "created": int(time.time()),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": behaviour.type, **cards.describe(behaviour)},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }
    session.store.insert(charge)
    session.emit(f"charge.{status}", charge)
    return charge


def finalize(session: Session, charge: Object, decline: Decline | None) -> Object:
    charge["status"] = "failed" if decline else "succeeded"
    charge["outcome"] = _outcome(decline)
    if decline:
        charge |= {"failure_code": decline.code, "failure_message": decline.message, "paid": False, "captured": False}
        charge["amount_captured"] = 0
    else:
        charge["balance_transaction"] = new_id("txn")
    session.store.save(charge)
    session.emit(f"charge.{charge['status']}", charge)
    return charge


def change(session: Session, charge: Object, **fields: Any) -> Object:
    """Save changed fields; return their ``previous_attributes``."""
    previous = {name: charge[name] for name, value in fields.items() if charge[name] != value}
    charge.update(fields)
    session.store.save(charge)
    return previous


def behaviour_of(session: Session, charge: Object) -> Behaviour:
    return method_behaviour(session, charge["payment_method"])


def method_behaviour(session: Session, method_id: str) -> Behaviour:
    hidden = session.store.hidden(method_id)
    named = cards.BY_NAME.get(hidden["name"] or "")
    return named or cards.BY_NUMBER.get(hidden["number"], Behaviour(hidden["number"], cards.NOT_A_TEST_CARD))


def _outcome(decline: Decline | None) -> Object:
    return {
        "advice_code": None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline."
        if decline
        else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }
