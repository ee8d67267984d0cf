"""Rate limits, counted in MongoDB: one count for all server processes, without another server.

A view names its ``rate_scope`` (or one per action, ``rate_scopes``); `settings.RATE_LIMIT_RULES` says how many
requests a scope allows in how many seconds. Users are counted by their id, everybody else by their address, which is
only believed from as many proxies as `TRUSTED_PROXIES` says.
"""

import hashlib
import math
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, models
from django.views import View
from pymongo import ReturnDocument
from pymongo.write_concern import WriteConcern
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from shop.mongodb import TTLIndex


class RateWindow(models.Model):
    """How often something was done in one window of time. ``_id`` is a digest of scope, who and window."""

    id = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [TTLIndex(fields=["expires_at"], name="rate_window_expiry")]

    def __str__(self) -> str:
        return self.id


def spend(scope: str, who: str) -> float | None:
    """Count one use of ``scope`` by ``who``; return the seconds to wait where that is more than its rule allows."""
    if not settings.RATE_LIMITS:
        return None
    limit, seconds = settings.RATE_LIMIT_RULES[scope]
    now = time.time()
    window = int(now // seconds)
    ends = (window + 1) * seconds
    digest = hashlib.sha256(f"{scope}\0{who}\0{window}".encode()).hexdigest()
    # A count that is lost with a primary that fails is no loss; waiting for the majority would be one.
    windows = connection.get_collection(RateWindow._meta.db_table).with_options(write_concern=WriteConcern(1))
    row = windows.find_one_and_update(
        {"_id": digest},
        {
            "$inc": {"count": 1},
            "$setOnInsert": {"expires_at": datetime.fromtimestamp(ends, tz=UTC) + timedelta(seconds=60)},
        },
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return math.ceil(ends - now) if row["count"] > limit else None


def spend_or_refuse(scope: str, who: str) -> None:
    """Like :func:`spend`, but raise REST framework's ``Throttled`` (429 with ``Retry-After``)."""
    if (wait := spend(scope, who)) is not None:
        raise Throttled(wait)


class RateLimit(BaseThrottle):
    """Applies the rule of the view's scope; views without one are not limited."""

    def allow_request(self, request: Request, view: View) -> bool:
        scopes = getattr(view, "rate_scopes", {})
        scope = scopes.get(getattr(view, "action", None), getattr(view, "rate_scope", None))
        if scope is None:
            return True
        user = request.user
        who = f"user {user.pk}" if user is not None and user.is_authenticated else f"address {self.get_ident(request)}"
        self._wait = spend(scope, who)
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


def address_of(request: Request) -> str:
    """Return the client's address, as far as the proxies in front may be believed."""
    return RateLimit().get_ident(request)
