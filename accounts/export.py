"""Export of a user's data as JSON. Other apps add their parts through `accounts.hooks.export`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from django.db.models import QuerySet
from rest_framework.request import Request

from accounts import hooks
from accounts.models import Address, TokenFamily, User
from accounts.serializers import ExportSerializer
from shop.api.renderers import JSONRenderer

CHUNK = 100


class Rows(NamedTuple):
    """A query set of many rows, and the function that serializes one row."""

    queryset: QuerySet
    show: Callable[[Any], dict[str, Any]]


def export(*, user: User, request: Request) -> dict[str, Any]:
    """Return all parts, ready for the JSON renderer.

    Rows are read in chunks and serialized one by one to limit memory: about 2 KB of JSON per order.
    """
    parts = [item for part in hooks.export(user=user, request=request) for item in part.items()]
    return {name: _as_json(kept) if isinstance(kept, Rows) else kept for name, kept in parts}


def _as_json(rows: Rows) -> list[orjson.Fragment]:
    renderer = JSONRenderer()
    fragments = []
    for row in rows.queryset.iterator(chunk_size=CHUNK):
        fragments.append(orjson.Fragment(renderer.render(rows.show(row))))
    return fragments


def export_account(*, user: User, request: Request) -> dict[str, Any]:
    """Return the profile, the addresses and the dates of logins."""
    parts = {
        "profile": user,
        "addresses": Address.objects.owned_by(user).order_by("id"),
        "sessions": TokenFamily.objects.filter(user=user).order_by("id"),
    }
    return ExportSerializer(parts, context={"request": request}).data
