import time
from typing import Any

from . import charges
from .errors import invalid
from .params import EXPAND, Schema, merge_metadata, metadata
from .session import Session
from .store import Object, new_id

UPDATE: Schema = {"metadata": metadata, "expand": EXPAND}
REASONS = (
    "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized",
    "duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant",
    "product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
)  # fmt: skip
# Fee of a dispute; it is not given back.
FEE = 1500
_RESPONSE_SECONDS = 10 * 24 * 3600


def open_dispute(session: Session, charge: Object, *, reason: str = "fraudulent", amount: int | None = None) -> Object:
    """``amount``: minor units or all."""
    if not charge["paid"] or charge["disputed"]:
        raise invalid(f"Charge {charge['id']} cannot be disputed.", param="charge")
    if reason not in REASONS:
        raise invalid(f"Invalid reason: must be one of {', '.join(REASONS)}", param="reason")
    now = int(time.time())
    dispute = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount or charge["amount"],
        "balance_transactions": [_movement(-(amount or charge["amount"]), charge["currency"], fee=FEE)],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": now + _RESPONSE_SECONDS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    session.store.insert(dispute)
    charges.change(session, charge, disputed=True)
    session.emit("charge.dispute.created", dispute)
    session.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _movement(amount: int, currency: str, *, fee: int) -> Object:
    """Funds that are withdrawn or reinstated."""
    movement = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "currency": currency,
        "fee": fee,
    }
    return {**movement, "net": amount - fee, "type": "adjustment"}


def close_dispute(session: Session, dispute: Object, *, won: bool) -> Object:
    """Raises `ApiError` for a closed dispute."""
    if dispute["status"] in ("won", "lost"):
        raise invalid(f"This dispute is already closed: it was {dispute['status']}.", param="dispute")
    dispute["status"] = "won" if won else "lost"
    session.store.save(dispute)
    session.emit("charge.dispute.closed", dispute, {"status": "needs_response"})
    if won:
        session.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def close(session: Session, _params: dict[str, Any], dispute_id: str) -> Object:
    """Accept the loss."""
    return close_dispute(session, session.get("dispute", dispute_id, param="dispute"), won=False)


def update(session: Session, params: dict[str, Any], dispute_id: str) -> Object:
    """Change metadata; evidence is not simulated."""
    dispute = session.get("dispute", dispute_id, param="dispute")
    dispute["metadata"] = merge_metadata(dispute["metadata"], params.get("metadata", {}))
    session.store.save(dispute)
    session.emit("charge.dispute.updated", dispute)
    return dispute
