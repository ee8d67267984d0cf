import base64
import hashlib
import hmac
import json
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import customers, disputes, intents, listing, params, refunds
from .errors import ApiError, malformed
from .events import API_VERSION
from .faults import Fault
from .params import EXPAND, Raw, Schema
from .session import Account, Session
from .store import Object, new_id

KEY_SECONDS = 24 * 3600
"""Stripe may forget an idempotency key once it is a day old; the simulator does."""

_MAX_KEY = 255
_SERVER_ERROR = ApiError(500, "An unknown error occurred", error_type="api_error")


@dataclass(frozen=True, slots=True)
class Call:
    """``headers`` have lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    id: str = field(default_factory=lambda: new_id("req", 14))


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is JSON unless bytes."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    executed: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    run: Callable[..., Object]
    schema: Schema
    required: tuple[str, ...] = ()
    publishable: bool = False

    def match(self, method: str, path: str) -> list[str] | None:
        if method != self.method:
            return None
        found = re.fullmatch(self.path.replace("{id}", "([^/]+)"), path)
        return list(found.groups()) if found else None


def _read(kind: str, param: str) -> Callable[[Session, dict[str, Any], str], Object]:
    return lambda session, _params, object_id: session.get(kind, object_id, param=param)


def _list(collection: str) -> Callable[[Session, dict[str, Any]], Object]:
    return lambda session, params: listing.page(session, collection, params)


def _balance(session: Session, _params: dict[str, Any]) -> Object:
    sums: dict[str, int] = {}
    for charge in session.store.related("charge"):
        kept = charge["amount"] - charge["amount_refunded"] if charge["status"] == "succeeded" else 0
        sums[charge["currency"]] = sums.get(charge["currency"], 0) + kept
    for dispute in session.store.related("dispute"):
        sums[dispute["currency"]] -= dispute["amount"] if dispute["status"] != "won" else 0
    available = [
        {"amount": amount, "currency": code, "source_types": {"card": amount}} for code, amount in sums.items()
    ]
    return {"object": "balance", "available": available, "livemode": False, "pending": []}


def _account(_session: Session, _params: dict[str, Any]) -> Object:
    return {"id": "acct_simulator", "object": "account", "charges_enabled": True, "country": "US", "type": "standard"}


_ONE: Schema = {"expand": EXPAND}
_PI = "/v1/payment_intents"
ROUTES = (
    Route("POST", _PI, intents.create, intents.CREATE, ("amount", "currency")),
    Route("GET", f"{_PI}/{{id}}", intents.retrieve, intents.RETRIEVE, publishable=True),
    Route("POST", f"{_PI}/{{id}}", intents.update, intents.UPDATE),
    Route("POST", f"{_PI}/{{id}}/confirm", intents.confirm, intents.CONFIRM, publishable=True),
    Route("POST", f"{_PI}/{{id}}/cancel", intents.cancel, intents.CANCEL),
    Route("POST", f"{_PI}/{{id}}/_authenticate", intents.authenticate, intents.AUTHENTICATE, publishable=True),
    Route("POST", "/v1/customers", customers.create, customers.CREATE),
    Route("GET", "/v1/customers/{id}", _read("customer", "id"), _ONE),
    Route("POST", "/v1/customers/{id}", customers.update, customers.CREATE),
    Route("DELETE", "/v1/customers/{id}", customers.delete, _ONE),
    Route(
        "POST",
        "/v1/customer_sessions",
        customers.create_session,
        customers.CREATE_SESSION,
        required=("components", "customer"),
    ),
    Route("GET", "/v1/charges/{id}", _read("charge", "id"), _ONE),
    Route("POST", "/v1/refunds", refunds.create, refunds.CREATE),
    Route("GET", "/v1/refunds/{id}", _read("refund", "refund"), _ONE),
    Route("POST", "/v1/refunds/{id}", refunds.update, refunds.UPDATE),
    Route("GET", "/v1/disputes/{id}", _read("dispute", "dispute"), _ONE),
    Route("POST", "/v1/disputes/{id}", disputes.update, disputes.UPDATE),
    Route("POST", "/v1/disputes/{id}/close", disputes.close, _ONE),
    Route("GET", "/v1/events/{id}", _read("event", "id"), _ONE),
    Route("GET", "/v1/balance", _balance, _ONE),
    Route("GET", "/v1/account", _account, _ONE),
    *(Route("GET", f"/v1/{name}", _list(name), schema) for name, (_, schema) in listing.LISTED.items()),
)


class Api:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._claims: set[str] = set()
        self._claims_lock = threading.Lock()

    def answer(self, call: Call, fault: Fault | None = None) -> Answer:
        """Never raise. ``server_error`` and ``slow`` faults take effect here."""
        try:
            return self._answer(call, fault)
        except ApiError as error:
            return _error(error)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return _error(_SERVER_ERROR)

    def _answer(self, call: Call, fault: Fault | None) -> Answer:
        key_in_form, sent = _decode(call)
        publishable = self._authenticate(call, key_in_form)
        route, ids = _find(call)
        if publishable and not route.publishable:
            message = (
                "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a "
                "list of your API keys at https://dashboard.stripe.com/account/apikeys."
            )
            raise ApiError(403, message, code="secret_key_required", executed=False)
        version = call.headers.get("stripe-version", API_VERSION)
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.\w+)?(; .*)?", version):
            raise malformed(f"Invalid Stripe API version: {version[:60]}")

        def run(key: str | None) -> Answer:
            if fault and fault.kind == "server_error" and not fault.acts:
                return _error(_SERVER_ERROR)
            answer = self._execute(call, route, ids, sent, publishable, key)
            return _error(_SERVER_ERROR) if fault and fault.kind == "server_error" and answer.executed else answer

        key = call.headers.get("idempotency-key") if call.method == "POST" else None
        if key is None or (fault and fault.kind == "server_error" and not fault.stored):
            _wait(fault)
            return run(key)
        return self._once(key, call, sent, fault, run)

    def _execute(
        self, call: Call, route: Route, ids: list[str], sent: dict[str, Raw], publishable: bool, key: str | None
    ) -> Answer:
        """Writes before an `ApiError` are committed."""
        try:
            values = params.read(_schema(route, sent), sent, route.required)
            with self._account.session(request_id=call.id, idempotency_key=key, publishable=publishable) as session:
                try:
                    result = route.run(session, values, *ids)
                    return Answer(200, listing.expand(session, result, values.get("expand", [])))
                except ApiError as error:
                    return _error(error)
        except ApiError as error:
            return _error(error)

    def _once(
        self, key: str, call: Call, sent: dict[str, Raw], fault: Fault | None, run: Callable[[str | None], Answer]
    ) -> Answer:
        if not 0 < len(key) <= _MAX_KEY:
            raise malformed(f"Idempotency keys must be between 1 and {_MAX_KEY} characters long.")
        with self._claims_lock:
            if key in self._claims:
                raise ApiError(
                    409,
                    "There is currently another in-progress request using this Idempotent Key (that probably means you "
                    "submitted twice, and the other request is still going through): "
                    f"{key}. Please try again later.",
                    error_type="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._claims.add(key)
        try:
            fingerprint = hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
            if (kept := self._recall(key, call, fingerprint)) is not None:
                return kept
            # Wait outside the transaction.
            _wait(fault)
            return self._run_and_keep(key, call, fingerprint, run)
        finally:
            with self._claims_lock:
                self._claims.discard(key)

    def _run_and_keep(self, key: str, call: Call, fingerprint: str, run: Callable[[str | None], Answer]) -> Answer:
        """Commit the work and its answer together."""
        store = self._account.store
        with store.transaction():
            answer = run(key)
            if answer.executed:
                body = json.dumps(answer.body)
                store.rows(
                    "INSERT OR REPLACE INTO idempotency_keys VALUES (?,?,?,?,?,?,?)",
                    *(key, time.time(), f"{call.method} {call.path}", fingerprint, answer.status, body, call.id),
                )
            return answer

    def _recall(self, key: str, call: Call, fingerprint: str) -> Answer | None:
        store = self._account.store
        with store.transaction():
            store.rows("DELETE FROM idempotency_keys WHERE created < ?", time.time() - KEY_SECONDS)
            found = store.rows("SELECT * FROM idempotency_keys WHERE key = ?", key)
        if not found:
            return None
        first = found[0]
        endpoint = f"{call.method} {call.path}"
        if (first["endpoint"], first["fingerprint"]) != (endpoint, fingerprint):
            same = "parameters" if first["endpoint"] == endpoint else "endpoint"
            raise ApiError(
                400,
                f"Keys for idempotent requests can only be used with the same {same} they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                error_type="idempotency_error",
                executed=False,
            )
        replayed = {"Idempotent-Replayed": "true", "Original-Request": first["request"]}
        if first["status"] >= 500:
            replayed["Stripe-Should-Retry"] = "false"
        return Answer(first["status"], json.loads(first["body"]), replayed)

    def _authenticate(self, call: Call, key_in_form: str | None) -> bool:
        """Return whether the key is publishable. Raises 401."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() == "basic":
            try:
                token = base64.b64decode(token, validate=True).decode().partition(":")[0]
            except ValueError:
                token = ""
        key = token or key_in_form
        if not key:
            message = (
                "You did not provide an API key. You need to provide your API key in the Authorization header, using "
                "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
            raise ApiError(401, message, executed=False)
        for known, publishable in ((self._account.secret_key, False), (self._account.publishable_key, True)):
            if hmac.compare_digest(key.encode(errors="replace"), known.encode()):
                return publishable
        hidden = key[:8] + "*" * max(len(key) - 12, 3) + key[-4:]
        raise ApiError(401, f"Invalid API Key provided: {hidden[:60]}", executed=False)


def _decode(call: Call) -> tuple[str | None, dict[str, Raw]]:
    """Return Stripe.js's ``key`` and the other form parameters."""
    try:
        text = call.query if call.method == "GET" else "&".join(filter(None, (call.query, call.body.decode("ascii"))))
    except UnicodeDecodeError as error:
        raise malformed("Invalid request: the body is not a valid form.") from error
    sent = params.decode(text)
    key = sent.pop("key", None)
    return (key if isinstance(key, str) else None), sent


def _wait(fault: Fault | None) -> None:
    if fault and fault.kind == "slow":
        fault.cleared.wait(fault.seconds)


def _find(call: Call) -> tuple[Route, list[str]]:
    for route in ROUTES:
        if (ids := route.match(call.method, call.path)) is not None:
            return route, ids
    message = f"Unrecognized request URL ({call.method}: {call.path[:200]}). Please see https://stripe.com/docs."
    raise ApiError(404, message, executed=False)


def _schema(route: Route, sent: Mapping[str, Raw]) -> Schema:
    if route.run in (intents.create, intents.update, intents.confirm) and "payment_method_types" in sent:
        message = "The payment_method_types parameter is no longer supported in this API version."
        raise malformed(message, code="payment_method_types_no_longer_supported", param="payment_method_types")
    return route.schema


def _error(error: ApiError) -> Answer:
    return Answer(error.status, {"error": error.error}, executed=error.executed)
