"""Parts of a queryset that one transaction can change."""

from typing import Any

from django.db.models import QuerySet


def first_keys(rows: QuerySet[Any], *, limit: int) -> tuple[list[Any], bool]:
    """Return the primary keys of at most ``limit`` rows, and whether there are more."""
    keys = list(rows.values_list("pk", flat=True)[: limit + 1])
    return keys[:limit], len(keys) > limit
