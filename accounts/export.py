from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db.models import QuerySet

from accounts import hooks
from accounts.models import Address, TokenFamily, User
from accounts.serializers import ExportSerializer, SessionExportSerializer
from shop.api.renderers import JSONRenderer
from shop.api.streaming import piece_time

CHUNK = 100


class Rows(NamedTuple):
    """Rows of a user, in the order of an index that ends with their ids."""

    queryset: QuerySet
    show: Callable[[Any], dict[str, Any]]


def export(*, user: User, base_url: str) -> Iterator[bytes]:
    """Yield a JSON object in pieces of at most ``CHUNK`` rows, to limit memory: an order takes 2 KB."""
    parts = [item for part in hooks.export(user=user, base_url=base_url) for item in part.items()]
    for number, (name, kept) in enumerate(parts):
        yield b"%s%s:" % (b"," if number else b"{", _json(name))
        if isinstance(kept, Rows):
            yield from _array(kept)
        else:
            yield _json(kept)
    yield b"}"


def _array(rows: Rows) -> Iterator[bytes]:
    ordered, separator = rows.queryset.order_by("pk"), b"["
    remaining, is_end = ordered, False
    while not is_end:
        with piece_time():
            found = list(remaining[:CHUNK])
            piece = b",".join(_json(rows.show(row)) for row in found)
        is_end = len(found) < CHUNK
        if found:
            remaining = ordered.filter(pk__gt=found[-1].pk)
            yield separator + piece
            separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _json(value: Any) -> bytes:
    return JSONRenderer().render(value)


def export_account(*, user: User, base_url: str) -> dict[str, Any]:
    parts = {"profile": user, "addresses": Address.objects.owned_by(user).order_by("id"), "sessions": []}
    sessions = Rows(TokenFamily.objects.filter(user=user), SessionExportSerializer().to_representation)
    return {**ExportSerializer(parts, context={"base_url": base_url}).data, "sessions": sessions}
