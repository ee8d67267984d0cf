from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop import audit
from shop.management.progress import Progress

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Check every invariant of the shop over the whole database; exit with 1 and a list of violations, and of the "
        "checks that a database error ended."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help=f"List up to {audit.KEPT:,} violations of each, not the first {SHOWN}."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with Progress(self.stdout, "Checking rows", per_second=True) as bar:
            results = audit.run(progress=bar)
        for result in results:
            self._show(result, limit=audit.KEPT if options["all"] else SHOWN)
        broken = sum(result.count for result in results)
        unfinished = sum(bool(result.unfinished) for result in results)
        if broken or unfinished:
            found = f"{_counted(broken, 'violation')}."
            raise CommandError(f"{found} {_counted(unfinished, 'check')} not finished." if unfinished else found)
        self.stdout.write(self.style.SUCCESS("All invariants hold."))

    def _show(self, result: audit.Result, *, limit: int) -> None:
        holds = not result.count and not result.unfinished
        self.stdout.write(f"{self.style.SUCCESS('✓') if holds else self.style.ERROR('✗')} {result.statement}")
        shown = result.violations[:limit]
        for text in (*shown, *result.unfinished):
            self.stdout.write(f"    {text}")
        if result.count > len(shown):
            self.stdout.write(f"    … and {result.count - len(shown):,} more")


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
