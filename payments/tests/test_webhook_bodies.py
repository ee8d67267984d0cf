"""Signed bodies that are no events are 400 and not stored; all that Stripe may send is stored."""

import copy
import json
import time
from typing import Any

import pytest
from rest_framework.test import APIClient

from payments.models import StripeEvent
from shop.dev.stripe_simulator.delivery import body_of, sign
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import dump_database
from shop.dev.testing.stripe_steps import WEBHOOK, post_body, post_event

pytestmark = pytest.mark.django_db

SECRET = "whsec_simulator"
INTENT: dict[str, Any] = {
    "id": "pi_odd",
    "object": "payment_intent",
    "amount": 1000,
    "amount_received": 1000,
    "currency": "usd",
    "livemode": False,
    "metadata": {},
    "status": "succeeded",
    "last_payment_error": None,
}
REFUND = {"id": "re_odd", "object": "refund", "amount": 5, "payment_intent": "pi_odd", "status": "succeeded"}
DISPUTE = {"id": "du_odd", "object": "dispute", "amount": 5, "payment_intent": "pi_odd", "status": "lost"}
CHARGE = {"id": "ch_odd", "object": "charge", "payment_intent": "pi_odd"}
MISSING = object()


def an_event(type_: str = "payment_intent.succeeded", subject: dict[str, Any] = INTENT) -> dict[str, Any]:
    return {
        "id": "evt_odd",
        "object": "event",
        "api_version": "2026-09-30.endive",
        "created": int(time.time()),
        "data": {"object": copy.deepcopy(subject)},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
    }


def changed(event: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of the event in which the field at the dotted path has this value, or is missing."""
    event = copy.deepcopy(event)
    *parents, name = path.split(".")
    place = event
    for parent in parents:
        place = place[parent]
    if value is MISSING:
        place.pop(name, None)
    else:
        place[name] = value
    return event


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


NOT_TEXT: list[Any] = [MISSING, None, 5, True, "", [], {}, ["a"], {"$gt": ""}]
NOT_NUMBER: list[Any] = ["5", True, 1.5, -1, 10**18, 2**63, 10**400, [], {"$gt": 0}]
NOT_OBJECT: list[Any] = [MISSING, None, 5, "x", [], [{}], True]
NOT_BOOLEAN: list[Any] = [MISSING, None, 0, "false", {}]
NOT_OPTIONAL_TEXT: list[Any] = [5, True, [], {}, {"$gt": ""}]
NOT_OPTIONAL_ID: list[Any] = [*NOT_OPTIONAL_TEXT, "", "p" * 256, {"id": {"$gt": ""}}]
# Path, type of the event and its object, values.
ODD: list[tuple[str, str, dict[str, Any], list[Any]]] = [
    ("id", "made.up", {}, [*NOT_TEXT, "e" * 256, "evt\0", "evt\ud800"]),
    ("type", "made.up", {}, [*NOT_TEXT, "t" * 101, "a\0b"]),
    ("created", "made.up", {}, [MISSING, None, *NOT_NUMBER, 253_402_300_800, float("nan"), float("inf")]),
    ("livemode", "made.up", {}, NOT_BOOLEAN),
    ("object", "made.up", {}, [*NOT_TEXT, "events", "v1.event"]),
    ("data", "made.up", {}, NOT_OBJECT),
    ("data.object", "made.up", {}, NOT_OBJECT),
    ("data.object.deep", "made.up", {}, [nested(40), nested(200), 10**400, 2**63, float("inf"), "\ud800", "\0"]),
    ("data.object.\0", "made.up", {}, [1]),
    ("data.object.\ud800", "made.up", {}, [1]),
    ("data.object.id", "payment_intent.succeeded", INTENT, [*NOT_TEXT, "p" * 256]),
    ("data.object.status", "payment_intent.succeeded", INTENT, [*NOT_TEXT, "s" * 41]),
    ("data.object.amount", "payment_intent.succeeded", INTENT, [MISSING, None, *NOT_NUMBER]),
    ("data.object.amount_received", "payment_intent.succeeded", INTENT, NOT_NUMBER),
    ("data.object.currency", "payment_intent.succeeded", INTENT, [*NOT_TEXT, "dollars"]),
    ("data.object.livemode", "payment_intent.succeeded", INTENT, NOT_BOOLEAN),
    ("data.object.client_secret", "payment_intent.processing", INTENT, NOT_OPTIONAL_TEXT),
    ("data.object.metadata", "payment_intent.created", INTENT, [5, "x", [], {"payment": {"$gt": ""}}, {"a": 5}]),
    ("data.object.last_payment_error", "payment_intent.payment_failed", INTENT, [5, "x", [], {"message": {}}]),
    ("data.object.object", "payment_intent.succeeded", INTENT, [*NOT_TEXT, "charge"]),
    ("data.object.object", "charge.refund.updated", REFUND, [*NOT_TEXT, "charge"]),
    ("data.object.object", "charge.dispute.created", DISPUTE, [*NOT_TEXT, "charge"]),
    ("data.object.object", "charge.refunded", CHARGE, [*NOT_TEXT, "refund"]),
    ("data.object.id", "refund.updated", REFUND, NOT_TEXT),
    ("data.object.amount", "charge.refund.updated", REFUND, [MISSING, None, *NOT_NUMBER]),
    ("data.object.payment_intent", "refund.created", REFUND, NOT_OPTIONAL_ID),
    ("data.object.reason", "refund.created", REFUND, NOT_OPTIONAL_TEXT),
    ("data.object.status", "refund.failed", REFUND, [*NOT_OPTIONAL_TEXT, "s" * 21]),
    ("data.object.id", "charge.dispute.closed", DISPUTE, NOT_TEXT),
    ("data.object.status", "charge.dispute.closed", DISPUTE, NOT_TEXT),
    ("data.object.payment_intent", "charge.dispute.created", DISPUTE, NOT_OPTIONAL_ID),
    ("data.object.payment_intent", "charge.refunded", CHARGE, NOT_OPTIONAL_ID),
]


def signed(body: bytes, *, timestamp: int | None = None) -> str:
    return sign(body, [SECRET], int(time.time()) if timestamp is None else timestamp)


@pytest.mark.parametrize(("path", "type_", "subject", "values"), ODD, ids=[f"{row[1]} {row[0]!a}" for row in ODD])
def test_a_signed_body_that_cannot_be_an_event_is_400_and_leaves_nothing(
    path: str, type_: str, subject: dict[str, Any], values: list[Any], subtests: pytest.Subtests
) -> None:
    before = dump_database()
    for value in values:
        with subtests.test(f"{str(value)[:40]!a}"):
            body = json.dumps(changed(an_event(type_, subject), path, value)).encode()
            assert refusal(post_body(body, signed(body)), 400) == ("invalid_event", None)
    assert dump_database() == before


BODIES = {
    "deeper than Python parses": b'{"object": "event", "data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a key twice": b'{"object": "event", "object": "event"}',
    "cut off": body_of(an_event())[:-2],
    "two events": body_of(an_event()) * 2,
    "a list of events": json.dumps([an_event()]).encode(),
    "a number of 5000 digits": b'{"object": "event", "created": ' + b"9" * 5000 + b"}",
    "a byte order mark": b"\xef\xbb\xbf" + body_of(an_event()),
}


@pytest.mark.parametrize("name", list(BODIES))
def test_a_signed_body_that_is_no_sound_json_is_400_and_leaves_nothing(name: str) -> None:
    assert refusal(post_body(BODIES[name], signed(BODIES[name])), 400) == ("invalid_event", None)
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_a_body_over_the_limit_is_413_whatever_it_is_declared_as(content_type: str, settings: Any) -> None:
    too_long = an_event("made.up", {"text": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE})
    for body in (body_of(too_long), b" " * 10_000_000):
        reply = APIClient().generic(
            "POST", WEBHOOK, body, content_type=content_type, HTTP_STRIPE_SIGNATURE=signed(body)
        )
        assert refusal(reply, 413) == ("payload_too_large", None)
    assert not StripeEvent.objects.exists()


def test_a_signature_for_the_future_is_refused_beyond_the_tolerance() -> None:
    body = body_of(an_event("made.up", {}))
    now = int(time.time())
    for timestamp in (now + 310, now + 86_400, 10**18, 10**400):
        assert refusal(post_body(body, signed(body, timestamp=timestamp)), 400) == ("invalid_signature", None)
    assert not StripeEvent.objects.exists()
    # Clocks differ a little.
    assert post_body(body, signed(body, timestamp=now + 290)).status_code == 200
    assert StripeEvent.objects.count() == 1


ODD_BUT_GOOD: dict[str, dict[str, Any]] = {
    "keys with operators": {"metadata": {"$set": "1", "a.b": "2", "$where": "sleep(1)", "": "3", "__proto__": "4"}},
    "emoji and direction marks": {"metadata": {"note": "\U0001f600 \u202e"}},
    "no metadata": {"metadata": None},
    "fields of a later version": {"new": nested(10), "amount_details": {"tip": {}}},
    "an expanded payment method": {"last_payment_error": {"payment_method": {"id": "pm_1", "card": {}}}},
    "the largest integers": {"new": [2**63 - 1, -(2**63)]},
}


@pytest.mark.parametrize("name", list(ODD_BUT_GOOD))
def test_what_stripe_may_send_is_stored_and_does_not_fail(name: str) -> None:
    assert post_event(an_event(subject={**INTENT, **ODD_BUT_GOOD[name]})).status_code == 200
    assert [row.status for row in StripeEvent.objects.all()] == ["ignored"]


def test_a_created_at_the_ends_of_time_is_stored() -> None:
    for created in (0, 253_402_300_799):
        assert post_event({**an_event("made.up", {}), "id": f"evt_{created}", "created": created}).status_code == 200
    assert sorted(row.created_at.year for row in StripeEvent.objects.all()) == [1970, 9999]


def a_thin_event() -> dict[str, Any]:
    return {
        "id": "evt_test_65R",
        "object": "v2.core.event",
        "type": "v1.billing.meter.error_report_triggered",
        "created": "2026-11-29T08:00:00.000Z",
        "livemode": False,
        "context": None,
        "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
        "reason": None,
    }


def test_a_thin_event_is_acknowledged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="payments.events")
    before = dump_database()
    assert post_event(a_thin_event()).status_code == 200
    assert dump_database() == before
    assert "stripe_thin_event_ignored" in caplog.text


def test_a_thin_event_needs_a_signature_as_well() -> None:
    assert refusal(post_event(a_thin_event(), secret="whsec_other"), 400) == ("invalid_signature", None)
