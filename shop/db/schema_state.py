"""Unapplied migrations and missing indexes: without its unique indexes the shop must not serve requests."""

from collections.abc import Iterator

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.migrations.executor import MigrationExecutor

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
    connection = connections[DEFAULT_DB_ALIAS]
    for model in apps.get_models():
        if not model._meta.managed or model._meta.proxy:
            continue
        table = model._meta.db_table
        with connection.cursor() as cursor:
            there = connection.introspection.get_constraints(cursor, table)
        unique = {tuple(each["columns"]) for each in there.values() if each["unique"]}
        named: list[models.Index | models.BaseConstraint] = [*model._meta.indexes, *model._meta.constraints]
        yield from (f"{table}: {each.name}" for each in named if each.name not in there)
        for field in model._meta.local_fields:
            if field.unique and field.column != "_id" and (field.column,) not in unique:
                yield f"{table}: unique {field.column}"
