from typing import Any

from django.core.management.base import BaseCommand

from shop.changes.retention import expire_cursors


class Command(BaseCommand):
    help = (
        "After a restore: number further changes higher than any before, and answer older cursors of the feed of "
        "changes with 410, so that integrations read all objects again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Cursors up to {expire_cursors()} are expired.")
