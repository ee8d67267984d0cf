from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import IntegrityError


class Command(migrate.Command):
    """Skips checks that require a migrated database."""

    def check(self, *args: Any, databases: Any = None, **options: Any) -> None:
        super().check(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except IntegrityError as error:
            raise CommandError(
                f"A unique index cannot be created, because documents share a value: {error}. Remove all but one of "
                "them, then run `manage.py migrate` again."
            ) from error
