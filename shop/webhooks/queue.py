"""The deliveries of an endpoint: written, leased, recorded.

Per endpoint and object one delivery is pending, those behind it are held. Whoever adds one behind the pending one
increments its ``followers``, and whoever finishes it writes it, too: concurrently, one of the two conflicts and finds
what the other has written.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from shop.changes.models import Change
from shop.db import documents
from shop.db.transactions import transactional
from shop.jobs.timing import LEASE, back_off, now
from shop.webhooks.disabling import disable_endpoint
from shop.webhooks.http import Answer
from shop.webhooks.metrics import ATTEMPTS
from shop.webhooks.models import ATTEMPTS_KEPT, WebhookAttempt, WebhookDelivery, WebhookEndpoint, subject_of

Status = WebhookDelivery.Status

_HOUR = 3600
# Seconds after each failed attempt; three days in all.
BACK_OFF = (
    5,
    30,
    120,
    600,
    1800,
    *(hours * _HOUR for hours in (1, 2, 4, 6, 8, 10, 12, 14, 14)),
)
JITTER = 0.1
# After this many failures in a row an endpoint is sent one delivery at a time, with pauses.
FAILURES_BEFORE_PAUSE = 3
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
GONE = 410


def enabled_endpoints() -> list[WebhookEndpoint]:
    rows = documents.aggregate(WebhookEndpoint, [{"$match": {"enabled": True}}])
    return [documents.instance(WebhookEndpoint, row) for row in rows]


def write_deliveries(*, changes: Sequence[Change]) -> None:
    """Write those of the enabled endpoints, in the transaction that numbers the changes."""
    endpoints = enabled_endpoints()
    new = [
        WebhookDelivery(
            pk=ObjectId(),
            endpoint=endpoint.pk,
            sequence=change.position,
            type=change.type,
            kind=change.kind,
            object_id=change.object_id,
            parent=change.parent,
            subject=subject_of(change.kind, change.object_id),
            changed_at=change.at,
        )
        for endpoint in endpoints
        for change in changes
        if endpoint.subscribes_to(change.type)
    ]
    put_behind_others(new)
    documents.insert(*new)


def put_behind_others(new: Sequence[WebhookDelivery]) -> None:
    """Make the first one of each object pending, unless another one is, and hold the others."""
    heads = _pending_of(new)
    added: dict[ObjectId, int] = {}
    for delivery in new:
        key = (delivery.endpoint, delivery.subject)
        head = heads.get(key)
        if head is None:
            heads[key] = delivery
            delivery.status, delivery.run_at = Status.PENDING, now()
            continue
        delivery.status, delivery.run_at = Status.HELD, None
        if isinstance(head, ObjectId):
            added[head] = added.get(head, 0) + 1
        else:
            head.followers += 1
    documents.bulk_write(
        WebhookDelivery,
        [UpdateOne({"_id": pk}, {"$inc": {"followers": number}}) for pk, number in sorted(added.items())],
    )


def put_in_order(delivery: WebhookDelivery) -> None:
    """Make a failed delivery pending, before later ones of its object, or hold it behind one that is being sent."""
    match = {"endpoint": delivery.endpoint, "subject": delivery.subject, "status": Status.PENDING.value}
    head = documents.find_one(WebhookDelivery, match)
    if head is None or head.is_leased or head.sequence < delivery.sequence:
        put_behind_others([delivery])
    else:
        documents.update_rows(
            WebhookDelivery, {head.pk: {"status": Status.HELD, "run_at": None, "followers": 0, "tries": 0}}
        )
        delivery.status, delivery.run_at, delivery.followers = Status.PENDING, now(), head.followers + 1
    store_again(delivery)


def store_again(delivery: WebhookDelivery) -> None:
    """Write the place that a finished delivery was given, with all its attempts before it."""
    fields = {name: getattr(delivery, name) for name in ("status", "run_at", "followers")}
    documents.update_rows(WebhookDelivery, {delivery.pk: {**fields, "finished_at": None, "tries": 0}})


def _pending_of(new: Iterable[WebhookDelivery]) -> dict[tuple[ObjectId, str], Any]:
    """Return the ids of pending deliveries of the same objects."""
    subjects: dict[ObjectId, set[str]] = {}
    for delivery in new:
        subjects.setdefault(delivery.endpoint, set()).add(delivery.subject)
    found: dict[tuple[ObjectId, str], ObjectId] = {}
    for endpoint, names in subjects.items():
        match = {"endpoint": endpoint, "subject": {"$in": sorted(names)}, "status": Status.PENDING.value}
        rows = documents.aggregate(WebhookDelivery, [{"$match": match}, {"$project": {"subject": 1}}])
        found |= {(endpoint, row["subject"]): row["_id"] for row in rows}
    return found


# --- Leases -----------------------------------------------------------------------------------------------------------


def due(endpoints: Sequence[ObjectId], *, limit: int, moment: datetime) -> list[WebhookDelivery]:
    match = {"endpoint": {"$in": list(endpoints)}, "status": Status.PENDING.value, "run_at": {"$lte": moment}}
    rows = documents.aggregate(WebhookDelivery, [{"$match": match}, {"$sort": {"run_at": 1}}, {"$limit": limit}])
    return [documents.instance(WebhookDelivery, row) for row in rows]


def lease(delivery: WebhookDelivery) -> bool:
    """Return False if another worker has it, or it was changed. The lease ends if its worker is killed."""
    leased_until = now() + LEASE
    unleased = {"_id": delivery.pk, "status": Status.PENDING.value, "run_at": delivery.run_at}
    change = {"$set": {"run_at": leased_until, "is_leased": True}, "$inc": {"tries": 1}}
    leased = documents.update_one(WebhookDelivery, unleased, change)
    delivery.run_at, delivery.tries = leased_until, delivery.tries + 1
    return leased


# --- Results ----------------------------------------------------------------------------------------------------------


def record(delivery: WebhookDelivery, answer: Answer) -> None:
    """Record an attempt of a leased delivery. The last one that fails disables the endpoint.

    Without the lease nothing is changed: another worker sends it.
    """
    ATTEMPTS.labels("accepted" if answer.is_accepted else "refused" if answer.status_code else "unanswered").inc()
    attempt = WebhookAttempt(
        at=now(), status_code=answer.status_code, milliseconds=answer.milliseconds, error=answer.error[:300]
    )
    if answer.is_accepted:
        return _finish(delivery, attempt)
    if answer.status_code == GONE:
        return _finish(delivery, attempt, failure="It answered 410: no more webhooks are wanted there.")
    if delivery.tries > len(BACK_OFF):
        return _finish(delivery, attempt, failure=f"A delivery failed for three days. {answer.error}")
    later = now() + timedelta(seconds=BACK_OFF[delivery.tries - 1] * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
    _change(delivery, attempt, {"run_at": later})
    return None


@transactional("webhooks.finish")
def _finish(delivery: WebhookDelivery, attempt: WebhookAttempt, *, failure: str = "") -> None:
    status = Status.FAILED if failure else Status.SUCCEEDED
    followers = _change(delivery, attempt, {"status": status, "run_at": None, "followers": 0, "finished_at": now()})
    if followers:
        _promote_next(delivery, followers=followers)
    if followers is not None and failure:
        disable_endpoint(endpoint_id=delivery.endpoint, reason=failure)


def _change(delivery: WebhookDelivery, attempt: WebhookAttempt, fields: dict[str, Any]) -> int | None:
    """Return the number of held deliveries before the change, or None if the lease is lost."""
    (stored,) = documents.stored_values(WebhookDelivery, {"attempts": [attempt]})["attempts"]
    leased = {"_id": delivery.pk, "status": Status.PENDING.value, "run_at": delivery.run_at}
    rows = documents.aggregate(WebhookDelivery, [{"$match": leased}, {"$project": {"followers": 1}}])
    change = {
        "$set": documents.stored_values(WebhookDelivery, {**fields, "is_leased": False}),
        "$push": {"attempts": {"$each": [stored], "$slice": -ATTEMPTS_KEPT}},
    }
    if not rows or not documents.update_one(WebhookDelivery, leased, change):
        return None
    return int(rows[0]["followers"])


def _promote_next(delivery: WebhookDelivery, *, followers: int) -> None:
    """Make the first held delivery of the object pending."""
    match = {"endpoint": delivery.endpoint, "subject": delivery.subject, "status": Status.HELD.value}
    rows = documents.aggregate(WebhookDelivery, [{"$match": match}, {"$sort": {"sequence": 1}}, {"$limit": 1}])
    for row in rows:
        fields = {"status": Status.PENDING, "run_at": now(), "followers": followers - 1}
        documents.update_rows(WebhookDelivery, {row["_id"]: fields})


def count_failures(endpoint: WebhookEndpoint, *, has_succeeded: bool) -> None:
    """Pause an endpoint that fails again and again. Concurrent attempts may count less."""
    if has_succeeded:
        if endpoint.failures:
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failures=0, paused_until=None)
        return
    failures, until = endpoint.failures + 1, None
    if failures >= FAILURES_BEFORE_PAUSE:
        pause = back_off(failures - FAILURES_BEFORE_PAUSE + 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        until = now() + pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failures=failures, paused_until=until)
