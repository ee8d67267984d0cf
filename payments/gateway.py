"""Amounts are in minor units.

Calls raise ``StripeUnavailable`` (outcome unknown: retry with the same key) or ``StripeRefused`` (not executed).
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import stripe
import structlog
from django.conf import settings
from rest_framework.exceptions import ParseError

from payments import event_format
from payments.errors import (
    InvalidEvent,
    InvalidSignature,
    StripeForbidden,
    StripeIdempotentFailure,
    StripeRefused,
    StripeRequestInFlight,
    StripeUnavailable,
)
from shop.api.parsers import StrictJSONParser
from shop.db import crash_points
from shop.db.deadline import external_call, external_seconds
from shop.db.transactions import in_transaction
from shop.http.circuit import Circuit
from shop.logs import describe_error, ms_since

logger = structlog.get_logger(__name__)

# While Stripe is down, one probe with a short timeout goes through; other calls fail fast.
circuit = Circuit(StripeUnavailable, service="stripe")
PROBE_SECONDS = 2.0


@cache
def _client(secret_key: str, base: str, *, probing: bool) -> stripe.StripeClient:
    return stripe.StripeClient(
        secret_key,
        base_addresses={"api": base},
        max_network_retries=0 if probing else settings.STRIPE_MAX_RETRIES,
        http_client=stripe.RequestsClient(timeout=PROBE_SECONDS if probing else settings.STRIPE_TIMEOUT_SECONDS),
    )


@contextmanager
def _stripe_call(name: str) -> Iterator[Any]:
    """Yield the client's ``v1``; translate Stripe's errors."""
    if in_transaction():
        raise RuntimeError("Stripe must not be called inside a transaction, which would hold locks during the call.")
    crash_points.reached(f"stripe.{name}:before")
    if external_seconds() > settings.STRIPE_SECONDS_PER_REQUEST:
        # A second slow call would exceed the request's time limit.
        raise StripeUnavailable
    try:
        with circuit.admit() as probing, external_call(), _watched(name):
            yield _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, probing=probing).v1
        crash_points.reached(f"stripe.{name}:after")
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise StripeRefused(error.user_message or str(error), stripe_code=error.code) from error
    except stripe.StripeError as error:
        raise _outage(error) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        # Not a Stripe object: a proxy's error page, a truncated body.
        raise StripeUnavailable from error


@contextmanager
def _watched(call: str) -> Iterator[None]:
    """Log the call; open the circuit after a failure, or a timeout even if the retry succeeded."""
    started = time.perf_counter()
    try:
        yield
        logger.info("stripe_called", call=call, ms=ms_since(started))
    except Exception as error:
        logger.warning("stripe_call_failed", call=call, error=describe_error(error), ms=ms_since(started))
        if isinstance(error, stripe.APIConnectionError):
            circuit.record_failure()
        raise
    finally:
        if time.perf_counter() - started > settings.STRIPE_TIMEOUT_SECONDS:
            circuit.record_failure()


def _outage(error: stripe.StripeError) -> StripeUnavailable:
    """Stripe replays stored responses, 500s included: https://docs.stripe.com/api/idempotent_requests."""
    if isinstance(error, stripe.PermissionError):
        return StripeForbidden()
    if isinstance(error, stripe.IdempotencyError):
        # The key was used with other parameters.
        return StripeIdempotentFailure()
    repeated = (error.headers or {}).get("Idempotent-Replayed") == "true"
    if repeated and (error.http_status or 0) >= 500:
        return StripeIdempotentFailure()
    return StripeRequestInFlight() if error.http_status == 409 else StripeUnavailable()


def create_intent(
    *, amount: int, currency: str, metadata: dict[str, str], details: dict[str, Any], key: str
) -> dict[str, Any]:
    """``details`` are further parameters."""
    with _stripe_call("create_intent") as v1:
        intent = v1.payment_intents.create(
            {"amount": amount, "currency": currency, "metadata": metadata, **details}, {"idempotency_key": key}
        )
        return _object(intent, "payment_intent")


def retrieve_intent(intent: str) -> dict[str, Any]:
    with _stripe_call("retrieve_intent") as v1:
        return _object(v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}), "payment_intent")


def find_intent(*, payment: str, since: datetime) -> dict[str, Any] | None:
    """Return the intent whose metadata name this payment."""
    made_since = list_intents(since=since - timedelta(minutes=1))
    return next((each for each in made_since if (each.get("metadata") or {}).get("payment") == payment), None)


def list_intents(*, since: datetime, until: datetime | None = None, after: str = "") -> Iterator[dict[str, Any]]:
    """Yield intents, newest first, with one call per hundred; with ``after`` those that follow this intent."""
    created = {"gte": int(since.timestamp())} | ({"lte": int(until.timestamp())} if until else {})
    start = {"starting_after": after} if after else {}
    while True:
        with _stripe_call("list_intents") as v1:
            page = v1.payment_intents.list(
                {"created": created, "limit": 100, "expand": ["data.latest_charge"], **start}
            )
            intents = [_object(intent, "payment_intent") for intent in page.data]
            has_more = page.has_more and intents
        yield from intents
        if not has_more:
            return
        start = {"starting_after": intents[-1]["id"]}


def change_amount(intent: str, *, amount: int) -> dict[str, Any]:
    """Stripe refuses it once the PaymentIntent is processing, succeeded or canceled."""
    with _stripe_call("change_amount") as v1:
        return _object(v1.payment_intents.update(intent, {"amount": amount}), "payment_intent")


def cancel_intent(intent: str) -> dict[str, Any]:
    """Return the PaymentIntent, unchanged if it cannot be cancelled."""
    try:
        with _stripe_call("cancel_intent") as v1:
            return _object(v1.payment_intents.cancel(intent), "payment_intent")
    except StripeRefused:
        return retrieve_intent(intent)


def create_customer(*, metadata: dict[str, str], key: str) -> str:
    """Return the Customer's id."""
    with _stripe_call("create_customer") as v1:
        customer = v1.customers.create({"metadata": metadata}, {"idempotency_key": key})
        return str(_object(customer, "customer")["id"])


def delete_customer(customer: str) -> None:
    with _stripe_call("delete_customer") as v1:
        v1.customers.delete(customer)


def create_customer_session(*, customer: str) -> tuple[str, datetime]:
    """Return a client secret and its end. With it the Payment Element offers to save cards, and saved ones."""
    features = {
        "payment_method_redisplay": "enabled",
        "payment_method_save": "enabled",
        "payment_method_save_usage": "on_session",
        "payment_method_remove": "enabled",
    }
    components = {"payment_element": {"enabled": True, "features": features}}
    with _stripe_call("create_customer_session") as v1:
        session = v1.customer_sessions.create({"customer": customer, "components": components})
        return str(session.client_secret), datetime.fromtimestamp(session.expires_at, UTC)


def create_refund(*, intent: str, amount: int, metadata: dict[str, str], key: str) -> dict[str, Any]:
    with _stripe_call("create_refund") as v1:
        refund = v1.refunds.create(
            {"payment_intent": intent, "amount": amount, "metadata": metadata}, {"idempotency_key": key}
        )
        return _object(refund, "refund")


def list_refunds(intent: str) -> list[dict[str, Any]]:
    """Include refunds made in Stripe's dashboard."""
    with _stripe_call("list_refunds") as v1:
        page = v1.refunds.list({"payment_intent": intent, "limit": 100})
        return [_object(refund, "refund") for refund in page.auto_paging_iter()]


def list_disputes(intent: str) -> list[dict[str, Any]]:
    with _stripe_call("list_disputes") as v1:
        page = v1.disputes.list({"payment_intent": intent, "limit": 100})
        return [_object(dispute, "dispute") for dispute in page.auto_paging_iter()]


def verified_event(body: bytes, signature: str) -> dict[str, Any] | None:
    """Return a signed event of the last five minutes; None for a thin event.

    Raises ``InvalidSignature``, ``InvalidEvent``. There are several secrets while one is rotated.
    """
    if not any(_is_signed(body, signature, secret.strip()) for secret in settings.STRIPE_WEBHOOK_SECRET.split(",")):
        raise InvalidSignature
    try:
        # Also refuses what MongoDB cannot store: NUL, lone surrogates, large integers, deep nesting.
        event = StrictJSONParser().parse(io.BytesIO(body))
    except ParseError as error:
        raise InvalidEvent from error
    if isinstance(event, dict) and event.get("object") == "v2.core.event":
        return None
    if not event_format.is_event(event):
        raise InvalidEvent
    return event


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    tolerance = stripe.Webhook.DEFAULT_TOLERANCE
    try:
        stripe.WebhookSignature.verify_header(body.decode(), signature, secret, tolerance)
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # TypeError: a non-ASCII header cannot be compared.
        return False
    # Stripe's library accepts timestamps from the future, which could be replayed until then.
    parts = (part.split("=") for part in signature.split(","))
    return int(next(part[1] for part in parts if part[0] == "t")) <= time.time() + tolerance


def is_live() -> bool:
    return "_live_" in settings.STRIPE_SECRET_KEY


def _object(found: Any, kind: str) -> dict[str, Any]:
    data = found.to_dict()
    if data.get("object") != kind or not data.get("id"):
        raise ValueError(f"not a {kind}")
    return data


def dashboard_url(path: str) -> str:
    return f"https://dashboard.stripe.com/{'' if is_live() else 'test/'}{path}"
