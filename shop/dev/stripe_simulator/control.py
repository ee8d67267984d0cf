"""Each public method is also a route: ``POST /_simulator/<name>`` with its arguments as JSON."""

import json
import random
import secrets
import time
import types
from dataclasses import asdict
from typing import Any, Literal, get_args, get_origin, get_type_hints

from . import disputes, events, intents, payment, refunds
from .clockwork import Clockwork
from .delivery import Courier
from .errors import ApiError, invalid
from .events import DeliveryRule
from .faults import Fault, Faults, Kind
from .session import Account, Session
from .store import Object

_KINDS = ("payment_intent", "charge", "refund", "dispute", "event", "customer")
_MOST_COPIES = 100


class ControlPlane:
    account: Account
    courier: Courier
    clockwork: Clockwork
    faults: Faults
    calls: dict[str, dict[str, int]]

    def set_webhook(self, url: str | None) -> None:
        """Also affects pending deliveries; None for no deliveries."""
        if url is not None and not url.startswith(("http://", "https://")):
            raise invalid("The webhook URL must begin with http:// or https://", param="url")
        with self.account.session() as session:
            session.store.set("webhook_url", url)

    def deliver(
        self,
        mode: Literal["normal", "hold", "lose", "off"] = "normal",
        copies: int = 1,
        concurrently: bool = False,
        delay: float = 0.0,
        types: list[str] | None = None,
        times: int | None = None,
    ) -> Object:
        """Set how later events are delivered; see `DeliveryRule`."""
        if not 1 <= copies <= _MOST_COPIES:
            raise invalid(f"copies must be between 1 and {_MOST_COPIES}", param="copies")
        rule = asdict(DeliveryRule(mode, copies, concurrently, delay, types or [], times))
        with self.account.session() as session:
            session.store.set("delivery_rule", rule)
        return rule

    def release(self, order: str | list[str] = "created") -> list[Object]:
        """Send held deliveries sequentially: ``created``, ``reversed``, ``random``, or these event ids or types."""
        with self.account.session() as session:
            held = session.store.rows("SELECT * FROM deliveries WHERE state = 'held' ORDER BY id")
            if isinstance(order, list):
                held = [row for each in order for row in held if each in (row["event"], row["type"])]
            elif order == "random":
                random.shuffle(held)
            elif order in ("created", "reversed"):
                held = held if order == "created" else held[::-1]
            else:
                raise invalid("order must be created, reversed, random or a list of event ids or types", param="order")
            for row in held:
                turn = "(SELECT coalesce(max(turn), 0) + 1 FROM deliveries)"
                sql = f"UPDATE deliveries SET state = 'pending', due = ?, turn = {turn} WHERE id = ?"  # noqa: S608
                session.store.rows(sql, time.time(), row["id"])
            return [events.as_json(row) for row in held]

    def resend(self, event: str, copies: int = 1, concurrently: bool = False) -> None:
        with self.account.session() as session:
            found = session.get("event", event)
            for _ in range(min(copies, _MOST_COPIES)):
                events.add_delivery(session.store, found, concurrent=concurrently)

    def twin(self, event: str) -> Object:
        """Repeat an event under another id, as Stripe sometimes does."""
        with self.account.session() as session:
            found = session.get("event", event)
            data = found["data"]
            return events.record(
                session.store,
                found["type"],
                data["object"],
                previous=data.get("previous_attributes"),
                request=found["request"],
            )

    def make_event(self, event_type: str, subject: str | Object, api_version: str = events.API_VERSION) -> Object:
        with self.account.session() as session:
            found = session.store.find(subject) if isinstance(subject, str) else subject
            if found is None:
                raise invalid(f"No such object: '{subject}'", code="resource_missing", param="subject")
            return events.record(session.store, event_type, found, api_version=api_version)

    def rotate_webhook_secret(self, secret: str | None = None, overlap_seconds: float = 24 * 3600.0) -> str:
        """Sign with a new secret, and with the old one until the overlap ends."""
        new = secret or f"whsec_{secrets.token_urlsafe(24)}"
        with self.account.session() as session:
            events.rotate_secret(session.store, new, overlap_seconds)
        return new

    def pay(
        self, payment_intent: str, payment_method: str = "pm_card_visa", authenticate: bool | None = None
    ) -> Object:
        """Confirm as a browser, with 3-D Secure if given. Raises `ApiError` for a decline."""
        error: ApiError | None = None
        with self.account.session(publishable=True) as session:
            intent = session.get("payment_intent", payment_intent)
            values = {"client_secret": intent["client_secret"], "payment_method": payment_method}
            try:
                paid = intents.confirm(session, values, payment_intent)
                if authenticate is not None and paid["status"] == "requires_action":
                    paid = payment.authenticated(
                        session, session.get("payment_intent", payment_intent), success=authenticate
                    )
            except ApiError as raised:
                error = raised  # Commit the failed charge first.
        if error:
            raise error
        return paid

    def authenticate(self, payment_intent: str, success: bool = True) -> Object:
        with self.account.session() as session:
            return intents.authenticate(session, {"success": success}, payment_intent)

    def finish_processing(self, payment_intent: str, success: bool = True) -> Object:
        with self.account.session() as session:
            intent = session.get("payment_intent", payment_intent)
            if intent["status"] != "processing":
                raise invalid(f"This PaymentIntent is not processing but {intent['status']}.", param="payment_intent")
            return payment.finish_processing(session, intent, success=success)

    def refund(self, payment: str, amount: int | None = None, reason: str | None = None) -> Object:
        """``amount``: minor units or the rest."""
        with self.account.session() as session:
            charge = _charge(session, payment)
            values = {"charge": charge["id"], "amount": amount, "reason": reason}
            return refunds.create(session, {name: value for name, value in values.items() if value is not None})

    def fail_refund(self, refund: str, reason: str = "expired_or_canceled_card") -> Object:
        with self.account.session() as session:
            found = session.get("refund", refund)
            if found["status"] == "failed":
                raise invalid("This refund has failed already.", param="refund")
            return refunds.finish(session, found, "failed", reason)

    def dispute(self, payment: str, reason: str = "fraudulent", amount: int | None = None) -> Object:
        with self.account.session() as session:
            return disputes.open_dispute(session, _charge(session, payment), reason=reason, amount=amount)

    def close_dispute(self, dispute: str, won: bool) -> Object:
        with self.account.session() as session:
            return disputes.close_dispute(session, session.get("dispute", dispute), won=won)

    def fail(
        self,
        kind: Kind,
        times: int | None = None,
        method: str | None = None,
        prefix: str = "/v1/",
        seconds: float = 60.0,
        acts: bool = False,
        stored: bool = True,
    ) -> Object:
        """Break ``times`` calls, or all until `clear_faults`; see `Fault`."""
        if times is not None and times < 1:
            raise invalid("times must be at least 1", param="times")
        fault = Fault(kind, times, method and method.upper(), prefix, seconds, acts, stored)
        shown = fault.as_json()
        self.faults.add(fault)
        return shown

    def clear_faults(self) -> None:
        self.faults.clear()

    def counters(self) -> Object:
        outcomes: dict[str, int] = {}
        states: dict[str, int] = {}
        for delivery in self.deliveries():
            states[delivery["state"]] = states.get(delivery["state"], 0) + 1
            for attempt in delivery["attempts"]:
                outcome = str(attempt["outcome"])
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
        with self.account.store.changed:
            calls = {endpoint: dict(statuses) for endpoint, statuses in self.calls.items()}
        return {"calls": calls, "deliveries": states, "attempts": outcomes}

    def deliveries(self) -> list[Object]:
        """Return ``{id, event, type, state, due, attempts: [{at, outcome}]}``, oldest first."""
        return [events.as_json(row) for row in self.account.store.rows("SELECT * FROM deliveries ORDER BY id")]

    def state(self) -> Object:
        store = self.account.store
        with store.transaction():
            found: Object = {f"{kind}s": store.related(kind) for kind in _KINDS}
            keys = store.rows("SELECT key, endpoint, status, body FROM idempotency_keys ORDER BY created")
            return {
                **found,
                "deliveries": self.deliveries(),
                "idempotency_keys": [{**dict(row), "body": json.loads(row["body"])} for row in keys],
                "faults": self.faults.as_json(),
                "delivery_rule": asdict(DeliveryRule(**store.setting("delivery_rule", {}))),
                "webhook_url": store.setting("webhook_url"),
            }

    def wait_until_idle(self, timeout: float = 10.0) -> bool:
        """Return False on timeout."""
        deadline = time.monotonic() + timeout
        store = self.account.store
        with store.changed:
            while not (self.courier.idle() and self.clockwork.idle()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                store.changed.wait(left)
        return True

    def reset(self) -> None:
        """Delete all objects and outages, not the webhook's settings."""
        self.clear_faults()
        with self.account.session() as session:
            session.store.clear()
            session.store.set("delivery_rule", {})
            self.calls.clear()


ACTIONS = frozenset(
    name for name, value in vars(ControlPlane).items() if isinstance(value, types.FunctionType) and name[0] != "_"
)


def call(control: ControlPlane, name: str, arguments: Any) -> Any:
    """Raises `ApiError` for invalid JSON arguments."""
    if name not in ACTIONS:
        raise ApiError(404, f"There is no action '{name}'; there are {', '.join(sorted(ACTIONS))}.")
    if not isinstance(arguments, dict):
        raise invalid("The body must be a JSON object.")
    hints = get_type_hints(getattr(ControlPlane, name))
    hints.pop("return", None)
    for argument, value in arguments.items():
        if argument not in hints:
            raise invalid(f"{name} takes {', '.join(hints) or 'nothing'}, not '{argument}'.", param=argument)
        if not _fits(value, hints[argument]):
            raise invalid(f"'{argument}' is of the wrong type or not one of its values.", param=argument)
    try:
        return getattr(control, name)(**arguments)
    except TypeError as error:
        raise invalid(f"{name}: {error}") from error


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin is types.UnionType:
        return any(_fits(value, each) for each in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(_fits(each, get_args(hint)[0]) for each in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, origin or hint) and (hint is bool or not isinstance(value, bool))


def _charge(session: Session, payment: str) -> Object:
    if payment.startswith("pi_"):
        payment = session.get("payment_intent", payment)["latest_charge"] or payment
    return session.get("charge", payment)
