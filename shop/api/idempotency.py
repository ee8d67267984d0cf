"""The claim is committed before the work and finished in its transaction, or expires after a crash."""

import hashlib
import json
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import structlog
from bson import ObjectId
from django.db import DatabaseError, IntegrityError, models
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from pymongo.errors import PyMongoError
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.errors import Conflict, DatabaseUnavailable, ShopError
from shop.db.deadline import clean_up_time
from shop.db.mongodb import TTLIndex

logger = structlog.get_logger(__name__)

KEPT_FOR = timedelta(hours=48)
CLAIM_LASTS = timedelta(seconds=60)

# Headers and errors of views that call :func:`run_once`, for the OpenAPI description.
HEADERS = [
    OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
        OpenApiParameter.HEADER,
        description="1 to 255 printable ASCII characters. A repeated request returns the result of the first.",
    ),
    OpenApiParameter(
        "Idempotency-Replayed",
        {"type": "string", "enum": ["true"]},
        OpenApiParameter.HEADER,
        response=[200, 201],
        description="The request was completed before, with the same key.",
    ),
]


class RequestInProgress(Conflict):
    default_code = "request_in_progress"
    default_detail = "A request with this Idempotency-Key is in progress. Try again in a moment."


class KeyReused(ShopError):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another request. Use a new key for a new request."


class FormRepeated(Exception):
    """A form of the admin was sent again."""


ERRORS = (RequestInProgress, KeyReused)


class IdempotencyRecord(models.Model):
    """``_id`` is a digest of user or guest, scope and key."""

    id = models.CharField(max_length=64, primary_key=True, db_column="_id")
    fingerprint = models.CharField(max_length=64)
    # Another request may take over an expired claim.
    token = models.CharField(max_length=24)
    claimed_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    reference = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [TTLIndex(fields=["expires_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return self.id


class ClaimLost(RequestInProgress):
    """Another request took over the expired claim."""


_current: ContextVar[IdempotencyRecord | None] = ContextVar("idempotency_record", default=None)


def finish(*, status: int, reference: str) -> None:
    """Call it in the transaction that has the effect. Raises :class:`ClaimLost`."""
    record = _current.get()
    if record is None:
        return
    finished = IdempotencyRecord.objects.filter(pk=record.pk, token=record.token, status=None).update(
        status=status, reference=reference, expires_at=timezone.now() + KEPT_FOR
    )
    if not finished:
        raise ClaimLost


def require_first_use(*key: str) -> None:
    """Call it in the transaction that applies a form which must not be applied twice. Raises :class:`FormRepeated`.

    Of two concurrent transactions, one conflicts, is retried and finds the other's row.
    """
    used = IdempotencyRecord(
        id=_digest("form", *key),
        claimed_until=timezone.now(),
        status=status.HTTP_200_OK,
        expires_at=timezone.now() + KEPT_FOR,
    )
    if IdempotencyRecord.objects.filter(pk=used.pk).exists():
        raise FormRepeated
    used.save(force_insert=True)


def work_of_claim() -> str:
    """Return an id for what has been done of the claimed request, which repeated ones share; "" without a claim."""
    record = _current.get()
    return "" if record is None else _digest(record.pk, record.fingerprint)


def run_once(
    request: Request, *, replay: Callable[[str], Response], work: Callable[[], Response], scope: str, guest: str = ""
) -> Response:
    """Run ``work`` once per user, ``scope`` and ``Idempotency-Key``; return its response or a replay.

    Without a user once per ``guest``, a secret. ``work`` calls :func:`finish` with a reference for ``replay``,
    or the key is released. Raises :class:`RequestInProgress` and :class:`KeyReused`.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return work()
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValidationError(
            {"Idempotency-Key": ["The key must be 1 to 255 printable ASCII characters."]},
            code="invalid_idempotency_key",
        )
    record = IdempotencyRecord(
        id=_digest(request.user.pk or f"guest {guest}", scope, key),
        fingerprint=_digest(json.dumps(request.data, sort_keys=True, default=str)),
        token=str(ObjectId()),
        claimed_until=timezone.now() + CLAIM_LASTS,
        expires_at=timezone.now() + KEPT_FOR,
    )
    finished = _claim(record)
    if finished is not None:
        response = replay(finished.reference)
        response.status_code = finished.status or response.status_code
        response["Idempotency-Replayed"] = "true"
        return response
    mark = _current.set(record)
    try:
        return work()
    finally:
        _current.reset(mark)
        _release(record)


def _claim(record: IdempotencyRecord) -> IdempotencyRecord | None:
    """Return the record if it is finished."""
    try:
        record.save(force_insert=True)
        return None
    except IntegrityError:
        pass
    existing = IdempotencyRecord.objects.filter(pk=record.pk).first()
    if existing is None:
        # Released since the insert.
        raise RequestInProgress
    alive = existing.status is not None or existing.claimed_until >= timezone.now()
    if alive and existing.fingerprint != record.fingerprint:
        raise KeyReused
    if existing.status is not None:
        return existing
    taken_over = IdempotencyRecord.objects.filter(
        pk=record.pk, token=existing.token, status=None, claimed_until__lt=timezone.now()
    ).update(
        token=record.token,
        fingerprint=record.fingerprint,
        claimed_until=record.claimed_until,
        expires_at=record.expires_at,
    )
    if not taken_over:
        raise RequestInProgress
    return None


def _release(record: IdempotencyRecord) -> None:
    """In a database outage the claim expires instead."""
    try:
        with clean_up_time():
            IdempotencyRecord.objects.filter(pk=record.pk, token=record.token, status=None).delete()
    except (DatabaseError, DatabaseUnavailable, PyMongoError):
        logger.warning("idempotency_key_not_freed", exc_info=True)


def _digest(*parts: Any) -> str:
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
