from collections.abc import Iterable, Iterator
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
    """Use defaults for fields that documents of older releases lack."""

    def cursor_iter(
        self, cursor: Iterable[dict[str, Any]], chunk_size: int, columns: Iterable[tuple[str, Any]]
    ) -> Iterator[list[list[Any]]]:
        columns = list(columns)
        return super().cursor_iter(self._with_defaults(cursor, columns), chunk_size, columns)

    def _with_defaults(
        self, documents: Iterable[dict[str, Any]], columns: list[tuple[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        stored = [(name, col) for name, col in columns if isinstance(col, Col)]
        for document in documents:
            for name, col in stored:
                owner = document if col.alias == self.collection_name else document.get(col.alias)
                # An empty join result gets no defaults.
                if owner and name not in owner:
                    owner[name] = stored_default(col.target)
            yield document


def stored_default(field: Field) -> Any:
    """Return the default as the driver returns it."""
    if field.null and not field.has_default():
        return None
    value = field.get_db_prep_save(field.get_default(), connection)
    if isinstance(value, datetime) and value.tzinfo is not None:
        # The driver returns naive datetimes in UTC.
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
