"""The backend's SQL compilers; a field that a document lacks has its default, not None."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Field
from django.db.models.expressions import Col
from django_mongodb_backend import compiler
from django_mongodb_backend.compiler import (
    SQLAggregateCompiler,
    SQLDeleteCompiler,
    SQLInsertCompiler,
    SQLUpdateCompiler,
)

__all__ = ["SQLAggregateCompiler", "SQLCompiler", "SQLDeleteCompiler", "SQLInsertCompiler", "SQLUpdateCompiler"]


class SQLCompiler(compiler.SQLCompiler):
    """Documents of an older release lack the fields that were added since."""

    def _make_result(self, entity: Mapping[str, Any], columns: Iterable[tuple[str, Any]]) -> list[Any]:
        result = []
        for name, col in columns:
            alias = getattr(col, "alias", None)
            joined = alias is not None and alias != self.collection_name
            document = entity.get(alias, {}) if joined else entity
            if name in document:
                result.append(document[name])
            else:
                # A row that was not found by a join has no values, and no defaults either.
                result.append(default_of(col) if document else None)
        return result


def default_of(col: Any) -> Any:
    """Return the default of the column's field; None if the column is computed."""
    return stored_default(col.target) if isinstance(col, Col) else None


def stored_default(field: Field) -> Any:
    """Return the field's default as the driver would read it."""
    if field.null and not field.has_default():
        return None
    value = field.get_db_prep_save(field.get_default(), connection)
    if isinstance(value, datetime) and value.tzinfo is not None:
        # The driver's times are in UTC and do not say so.
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
