"""Control plane: actions of a test, a fault run or a demo on the simulated Stripe account.

Each public method of `ControlPlane` is also a route: ``POST /_simulator/<name>`` with the arguments as a JSON object
returns the method's result. Unknown ids and states that do not allow an action raise `ApiError`.
"""

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

_KINDS = ("payment_intent", "charge", "refund", "dispute", "event")
_MOST_COPIES = 100


class ControlPlane:
    """Actions on the simulated account in addition to Stripe's API."""

    account: Account
    courier: Courier
    clockwork: Clockwork
    faults: Faults
    calls: dict[str, dict[str, int]]

    # Webhooks

    def set_webhook(self, url: str | None) -> None:
        """Deliver pending and later events to this URL; None: do not deliver."""
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
        """Set how later events are delivered (see `DeliveryRule`); without arguments: normally."""
        if not 1 <= copies <= _MOST_COPIES:
            raise invalid(f"copies must be between 1 and {_MOST_COPIES}", param="copies")
        rule = asdict(DeliveryRule(mode, copies, concurrently, delay, types or [], times))
        with self.account.session() as session:
            session.store.set("delivery_rule", rule)
        return rule

    def release(self, order: str | list[str] = "created") -> list[Object]:
        """Send held deliveries one after the other: as ``created``, ``reversed``, ``random`` or in a given order.

        A list names event ids or types; others stay held. Return the deliveries in their order.
        """
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
        """Deliver an event again, whatever its deliveries so far and the rule."""
        with self.account.session() as session:
            found = session.get("event", event)
            for _ in range(min(copies, _MOST_COPIES)):
                events.add_delivery(session.store, found, concurrent=concurrently)

    def twin(self, event: str) -> Object:
        """Repeat an event under another event id, as Stripe sometimes does. Return the new event."""
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
        """Create an event of any type about an object: the id of an existing one, or a JSON object."""
        with self.account.session() as session:
            found = session.store.find(subject) if isinstance(subject, str) else subject
            if found is None:
                raise invalid(f"No such object: '{subject}'", code="resource_missing", param="subject")
            return events.record(session.store, event_type, found, api_version=api_version)

    def rotate_webhook_secret(self, secret: str | None = None, overlap_seconds: float = 24 * 3600.0) -> str:
        """Sign with a new secret (default: generated), and with the old one until the overlap ends."""
        new = secret or f"whsec_{secrets.token_urlsafe(24)}"
        with self.account.session() as session:
            events.rotate_secret(session.store, new, overlap_seconds)
        return new

    # Money

    def pay(
        self, payment_intent: str, payment_method: str = "pm_card_visa", authenticate: bool | None = None
    ) -> Object:
        """Confirm as a shopper's browser, and pass or fail 3-D Secure if given; a decline raises `ApiError`."""
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
                error = raised  # Commit the failed charge before raising.
        if error:
            raise error
        return paid

    def authenticate(self, payment_intent: str, success: bool = True) -> Object:
        """Return from the bank's page, having passed 3-D Secure or not."""
        with self.account.session() as session:
            return intents.authenticate(session, {"success": success}, payment_intent)

    def finish_processing(self, payment_intent: str, success: bool = True) -> Object:
        """Let the bank answer for an intent in ``processing``."""
        with self.account.session() as session:
            intent = session.get("payment_intent", payment_intent)
            if intent["status"] != "processing":
                raise invalid(f"This PaymentIntent is not processing but {intent['status']}.", param="payment_intent")
            return payment.finish_processing(session, intent, success=success)

    def refund(self, payment: str, amount: int | None = None, reason: str | None = None) -> Object:
        """Refund an intent or a charge as from Stripe's dashboard; ``amount`` in minor units, None: the rest."""
        with self.account.session() as session:
            charge = _charge(session, payment)
            values = {"charge": charge["id"], "amount": amount, "reason": reason}
            return refunds.create(session, {name: value for name, value in values.items() if value is not None})

    def fail_refund(self, refund: str, reason: str = "expired_or_canceled_card") -> Object:
        """Let the shopper's bank return a refund, even one that succeeded."""
        with self.account.session() as session:
            found = session.get("refund", refund)
            if found["status"] == "failed":
                raise invalid("This refund has failed already.", param="refund")
            return refunds.finish(session, found, "failed", reason)

    def dispute(self, payment: str, reason: str = "fraudulent", amount: int | None = None) -> Object:
        """Let the shopper's bank dispute an intent or a charge. Return the dispute."""
        with self.account.session() as session:
            return disputes.open_dispute(session, _charge(session, payment), reason=reason, amount=amount)

    def close_dispute(self, dispute: str, won: bool) -> Object:
        """Let the bank decide for the shop or against it."""
        with self.account.session() as session:
            return disputes.close_dispute(session, session.get("dispute", dispute), won=won)

    # Outages

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
        """Break the API for the next ``times`` calls or until `heal` (see `Fault`)."""
        if times is not None and times < 1:
            raise invalid("times must be at least 1", param="times")
        fault = Fault(kind, times, method and method.upper(), prefix, seconds, acts, stored)
        shown = fault.as_json()
        self.faults.add(fault)
        return shown

    def heal(self) -> None:
        self.faults.clear()

    # Looking

    def counters(self) -> Object:
        """Return API calls by endpoint and status, deliveries by state, and attempts by outcome."""
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
        """Return all deliveries: ``{id, event, type, state, due, attempts: [{at, outcome}]}``, oldest first."""
        return [events.as_json(row) for row in self.account.store.rows("SELECT * FROM deliveries ORDER BY id")]

    def state(self) -> Object:
        """Return all objects by kind (newest first), deliveries, stored keys, outages and the delivery rule."""
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

    def wait_until_settled(self, timeout: float = 10.0) -> bool:
        """Wait until all deliveries are answered and no action is scheduled; return False on timeout."""
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
        """Delete all objects, keys, events and deliveries, end outages, deliver normally; keep the webhook."""
        self.heal()
        with self.account.session() as session:
            session.store.clear()
            session.store.set("delivery_rule", {})
            self.calls.clear()


ACTIONS = frozenset(
    name for name, value in vars(ControlPlane).items() if isinstance(value, types.FunctionType) and name[0] != "_"
)


def call(control: ControlPlane, name: str, arguments: Any) -> Any:
    """Run an action by name with arguments from JSON. Raises `ApiError` for invalid ones."""
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
    """Return whether a JSON value matches an argument's type hint."""
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
