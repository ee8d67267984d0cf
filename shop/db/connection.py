from typing import TYPE_CHECKING, cast

from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from django_mongodb_backend.base import DatabaseWrapper


def mongodb_connection() -> "DatabaseWrapper":
    """Return this thread's connection."""
    return cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
