import time
from typing import Any, Literal

from . import charges
from .errors import invalid, malformed
from .money import show
from .params import EXPAND, Schema, choice, integer, merge_metadata, metadata, refused, string
from .session import Session
from .store import Object, new_id

_CONNECT = refused("there are no connected accounts or customer balances here.")
CREATE: Schema = {
    "amount": integer(minimum=1),
    "charge": string(),
    "currency": _CONNECT,
    "customer": _CONNECT,
    "expand": EXPAND,
    "instructions_email": string(),
    "metadata": metadata,
    "origin": _CONNECT,
    "payment_intent": string(),
    "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
    "refund_application_fee": _CONNECT,
    "reverse_transfer": _CONNECT,
}
UPDATE: Schema = {"metadata": metadata, "expand": EXPAND}


def create(session: Session, params: dict[str, Any]) -> Object:
    charge = _charge(session, params)
    left = charge["amount"] - charge["amount_refunded"]
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if amount > left:
        what = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        asked, most = show(amount, charge["currency"]), show(left, charge["currency"])
        raise invalid(f"Refund amount ({asked}) is greater than {what} ({most})", param="amount")
    return make(session, charge, amount, reason=params.get("reason"), notes=params.get("metadata", {}))


def make(
    session: Session, charge: Object, amount: int, *, reason: str | None = None, notes: dict[str, str] | None = None
) -> Object:
    """Refund at most the rest, in minor units."""
    ends = charges.behaviour_of(session, charge).refund
    pending = ends == "pending"
    refund = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge["id"],
        "created": int(time.time()),
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": merge_metadata({}, notes or {}),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": "processing" if pending else None,
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if pending else "succeeded",
        "transfer_reversal": None,
    }
    session.store.insert(refund)
    refunded = charge["amount_refunded"] + amount
    previous = charges.change(session, charge, amount_refunded=refunded, refunded=refunded == charge["amount"])
    session.emit("refund.created", refund)
    session.emit("charge.refunded", charge, previous)
    if ends != "at_once":
        session.later("refund_succeeds" if pending else "refund_fails", refund)
    return refund


def finish(
    session: Session, refund: Object, outcome: Literal["succeeded", "failed"], reason: str = "unknown"
) -> Object:
    """Finish a refund; a failed one's money returns to the shop."""
    previous = {"status": refund["status"]}
    refund |= {"status": outcome, "pending_reason": None}
    if outcome == "failed":
        refund |= {"failure_reason": reason, "failure_balance_transaction": new_id("txn")}
        charge = session.get("charge", refund["charge"])
        charges.change(session, charge, amount_refunded=charge["amount_refunded"] - refund["amount"], refunded=False)
    session.store.save(refund)
    session.emit("refund.updated", refund, previous)
    session.emit("charge.refund.updated", refund, previous)
    if outcome == "failed":
        session.emit("refund.failed", refund, previous)
    return refund


def update(session: Session, params: dict[str, Any], refund_id: str) -> Object:
    """Change metadata only."""
    refund = session.get("refund", refund_id, param="refund")
    refund["metadata"] = merge_metadata(refund["metadata"], params.get("metadata", {}))
    session.store.save(refund)
    session.emit("refund.updated", refund)
    return refund


def _charge(session: Session, params: dict[str, Any]) -> Object:
    if "charge" in params and "payment_intent" in params:
        raise malformed("You may only specify one of these parameters: charge, payment_intent.")
    if "charge" in params:
        charge = session.get("charge", params["charge"], param="charge", status=400)
    elif "payment_intent" in params:
        intent = session.get("payment_intent", params["payment_intent"], param="payment_intent", status=400)
        latest = intent["latest_charge"] if intent["status"] == "succeeded" else None
        charge = session.get("charge", latest) if latest else {"status": "failed"}
    else:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise malformed(message, code="parameter_missing", param="payment_intent")
    if charge["status"] != "succeeded":
        param = "charge" if "charge" in params else "payment_intent"
        what = "Charge" if param == "charge" else "PaymentIntent"
        raise invalid(f"This {what} ({params[param]}) does not have a successful charge to refund.", param=param)
    return charge
