"""Unapplied migrations and missing indexes: without its unique indexes the shop must not serve requests."""

from collections.abc import Iterator

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.migrations.executor import MigrationExecutor

from shop.db.backend.unique_indexes import is_same_index, is_unconditional, unique_indexes
from shop.db.connection import mongodb_connection

_migrated = False


def unapplied_migrations() -> list[str]:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def is_migrated() -> bool:
    """Cached once true."""
    global _migrated
    _migrated = _migrated or not unapplied_migrations()
    return _migrated


def migration_error() -> str:
    """Return an error message, or "" without unapplied migrations."""
    if not (names := unapplied_migrations()):
        return ""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"The database lacks the migration {names[0]}{more}: run `manage.py migrate` first."


def missing_indexes() -> Iterator[str]:
    """Yield missing indexes and unique constraints."""
    database = mongodb_connection().database
    for model in apps.get_models():
        if not model._meta.managed or model._meta.proxy:
            continue
        table = model._meta.db_table
        there = database[table].index_information()
        conditional = (each for each in model._meta.constraints if not is_unconditional(each))
        named: list[models.Index | models.BaseConstraint] = [*model._meta.indexes, *conditional]
        yield from (f"{table}: {each.name}" for each in named if each.name not in there)
        for index in unique_indexes(model):
            if not any(is_same_index(index, other) for other in there.values()):
                yield f"{table}: unique {', '.join(index.document['key'])}"
