from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from django.db.models import QuerySet

from accounts import hooks
from accounts.models import Address, TokenFamily, User
from accounts.serializers import ExportSerializer
from shop.api.renderers import JSONRenderer

CHUNK = 100


class Rows(NamedTuple):
    queryset: QuerySet
    show: Callable[[Any], dict[str, Any]]


def export(*, user: User, base_url: str) -> dict[str, Any]:
    """Serialize row by row to limit memory: an order takes 2 KB."""
    parts = [item for part in hooks.export(user=user, base_url=base_url) for item in part.items()]
    return {name: _as_json(kept) if isinstance(kept, Rows) else kept for name, kept in parts}


def _as_json(rows: Rows) -> list[orjson.Fragment]:
    found = rows.queryset.iterator(chunk_size=CHUNK)
    return [orjson.Fragment(JSONRenderer().render(rows.show(row))) for row in found]


def export_account(*, user: User, base_url: str) -> dict[str, Any]:
    parts = {
        "profile": user,
        "addresses": Address.objects.owned_by(user).order_by("id"),
        "sessions": TokenFamily.objects.filter(user=user).order_by("id"),
    }
    return ExportSerializer(parts, context={"base_url": base_url}).data
