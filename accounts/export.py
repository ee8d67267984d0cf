"""Everything that is kept about a person, in JSON: each room adds its own part through `accounts.hooks.export`."""

from collections.abc import Iterator
from typing import Any

import orjson
from rest_framework.request import Request

from accounts import hooks
from accounts.models import Address, TokenFamily, User
from accounts.serializers import ExportSerializer
from shop.renderers import JSONRenderer


def export(*, user: User, request: Request) -> dict[str, Any]:
    """Return all parts together, ready for the JSON renderer.

    What comes as an iterator is turned into JSON one by one, so that of a long history only the text is ever in
    memory: about 2 KB an order.
    """
    renderer = JSONRenderer()
    parts: dict[str, Any] = {}
    for part in hooks.export(user=user, request=request):
        for name, kept in part.items():
            many = isinstance(kept, Iterator)
            parts[name] = [orjson.Fragment(renderer.render(each)) for each in kept] if many else kept
    return parts


def export_account(*, user: User, request: Request) -> dict[str, Any]:
    """This room's part. Of logins only the dates are kept: they are no use to anybody else."""
    parts = {
        "profile": user,
        "addresses": Address.objects.owned_by(user).order_by("id"),
        "sessions": TokenFamily.objects.filter(user=user).order_by("id"),
    }
    return ExportSerializer(parts, context={"request": request}).data
