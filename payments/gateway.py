"""The one door to Stripe. Everything else in the shop speaks of payments, not of Stripe's library.

Every call has a time limit and one retry, so that a request that needs Stripe answers within ten seconds; every call
that creates something carries an idempotency key. Failures come out as :class:`StripeUnavailable` (nobody knows
whether it happened; asking again with the same key is right, but for :class:`StripeCallSpent`) or
:class:`StripeRefused` (it did not).
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
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
    StripeCallSpent,
    StripeCallUnderWay,
    StripeRefused,
    StripeUnavailable,
)
from shop import crash_points
from shop.circuit import Circuit
from shop.db.deadline import external_call, external_seconds
from shop.logs import ms_since, told
from shop.parsers import StrictJSONParser
from shop.transactions import in_transaction

logger = structlog.get_logger(__name__)

# Of a crowd that wants to pay while Stripe is silent only the first wait; the others are answered at once. The one that
# tries may have stood behind those who waited, so its patience is short.
circuit = Circuit(StripeUnavailable)
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
def _calling(name: str) -> Iterator[Any]:
    """Yield the client's ``v1`` for the call of this name; translate what can go wrong."""
    if in_transaction():
        raise RuntimeError("Stripe must not be called inside a transaction: it would hold locks while we wait.")
    crash_points.reached(f"stripe.{name}:before")
    if external_seconds() > settings.STRIPE_PATIENCE_SECONDS:
        # One call that takes long is waited for; a second one would keep the request from answering in time.
        raise StripeUnavailable
    try:
        with circuit.admitted() as probing, external_call(), _noticing_silence(), _logged(name):
            yield _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, probing=probing).v1
        crash_points.reached(f"stripe.{name}:after")
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise StripeRefused(error.user_message or str(error), stripe_code=error.code) from error
    except stripe.StripeError as error:
        raise _outage(error) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        # An answer that is no Stripe object: a proxy's error page, a truncated body.
        raise StripeUnavailable from error


@contextmanager
def _logged(call: str) -> Iterator[None]:
    """Tell the log that Stripe was called, how that went and how long it took."""
    started = time.perf_counter()
    try:
        yield
    except Exception as error:
        logger.warning("Stripe was called in vain", call=call, error=told(error), ms=ms_since(started))
        raise
    logger.info("Stripe was called", call=call, ms=ms_since(started))


@contextmanager
def _noticing_silence() -> Iterator[None]:
    """Open the circuit where Stripe could not be reached, or an attempt had no answer though a later one had."""
    began = time.monotonic()
    try:
        yield
    except stripe.APIConnectionError:
        circuit.outage_noticed()
        raise
    finally:
        if time.monotonic() - began > settings.STRIPE_TIMEOUT_SECONDS:
            circuit.outage_noticed()


def _outage(error: stripe.StripeError) -> StripeUnavailable:
    """Tell the failures after which a call that creates something is not simply made again.

    https://docs.stripe.com/api/idempotent_requests: the answer is kept whether it was a success or a failure, 500s
    included, and a repeated one says so in a header.
    """
    repeated = (error.headers or {}).get("Idempotent-Replayed") == "true"
    if repeated and (error.http_status or 0) >= 500:
        return StripeCallSpent()
    return StripeCallUnderWay() if error.http_status == 409 else StripeUnavailable()


def create_intent(*, amount: int, currency: str, metadata: dict[str, str], key: str) -> dict[str, Any]:
    """Open a PaymentIntent of ``amount`` minor units; the same ``key`` returns the same one."""
    with _calling("create_intent") as v1:
        intent = v1.payment_intents.create(
            {"amount": amount, "currency": currency, "metadata": metadata}, {"idempotency_key": key}
        )
        return _object(intent, "payment_intent")


def retrieve_intent(intent: str) -> dict[str, Any]:
    """Return a PaymentIntent with its latest charge."""
    with _calling("retrieve_intent") as v1:
        return _object(v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}), "payment_intent")


def find_intent(*, payment: str, since: datetime) -> dict[str, Any] | None:
    """Look for the intent whose metadata name this payment, among those made since; None where there is none."""
    made_since = list_intents(since=since - timedelta(minutes=1))
    return next((each for each in made_since if (each.get("metadata") or {}).get("payment") == payment), None)


def list_intents(*, since: datetime, until: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Yield every PaymentIntent of the account that was made in this window with its latest charge, the newest first.

    One call for each hundred of them.
    """
    created = {"gte": int(since.timestamp())} | ({"lte": int(until.timestamp())} if until else {})
    after: dict[str, str] = {}
    has_more = True
    while has_more:
        with _calling("list_intents") as v1:
            page = v1.payment_intents.list(
                {"created": created, "limit": 100, "expand": ["data.latest_charge"], **after}
            )
            intents = [_object(intent, "payment_intent") for intent in page.data]
            has_more = bool(page.has_more and intents)
        yield from intents
        if has_more:
            after = {"starting_after": intents[-1]["id"]}


def cancel_intent(intent: str) -> dict[str, Any]:
    """Cancel a PaymentIntent and return it; one that cannot be cancelled any more is returned as it is."""
    try:
        with _calling("cancel_intent") as v1:
            return _object(v1.payment_intents.cancel(intent), "payment_intent")
    except StripeRefused:
        return retrieve_intent(intent)


def create_refund(*, intent: str, amount: int, metadata: dict[str, str], key: str) -> dict[str, Any]:
    """Send ``amount`` minor units of an intent's money back; the same ``key`` returns the same refund."""
    with _calling("create_refund") as v1:
        refund = v1.refunds.create(
            {"payment_intent": intent, "amount": amount, "metadata": metadata}, {"idempotency_key": key}
        )
        return _object(refund, "refund")


def list_refunds(intent: str) -> list[dict[str, Any]]:
    """Return every refund of an intent's money, the dashboard's included."""
    with _calling("list_refunds") as v1:
        page = v1.refunds.list({"payment_intent": intent, "limit": 100})
        return [_object(refund, "refund") for refund in page.auto_paging_iter()]


def list_disputes(intent: str) -> list[dict[str, Any]]:
    """Return every dispute about an intent's money."""
    with _calling("list_disputes") as v1:
        page = v1.disputes.list({"payment_intent": intent, "limit": 100})
        return [_object(dispute, "dispute") for dispute in page.auto_paging_iter()]


def verified_event(body: bytes, signature: str) -> dict[str, Any] | None:
    """Return the event in ``body`` if one of our webhook secrets signed exactly these bytes within five minutes.

    None for a thin event, which the shop has no use for. Raises :class:`InvalidSignature`, or :class:`InvalidEvent`
    for a signed body that is no event. Several secrets are good while one is being rotated.
    """
    if not any(_is_signed(body, signature, secret.strip()) for secret in settings.STRIPE_WEBHOOK_SECRET.split(",")):
        raise InvalidSignature
    try:
        # Also refuses what MongoDB cannot keep: NUL, lone surrogates, integers beyond 64 bits, deep nesting.
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
        # TypeError: a header that is not ASCII cannot even be compared.
        return False
    # Stripe's library refuses only old timestamps: a signature made for a later time could be replayed until then.
    parts = (part.split("=") for part in signature.split(","))
    return int(next(part[1] for part in parts if part[0] == "t")) <= time.time() + tolerance


def is_live() -> bool:
    """Whether our key moves real money; objects of the other mode are not ours."""
    return "_live_" in settings.STRIPE_SECRET_KEY


def _object(found: Any, kind: str) -> dict[str, Any]:
    data = found.to_dict()
    if data.get("object") != kind or not data.get("id"):
        raise ValueError(f"not a {kind}")
    return data
