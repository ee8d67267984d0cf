"""Check all invariants."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop import audit

SHOWN = 20


class Command(BaseCommand):
    help = "Check every invariant of the shop over the whole database; exit with 1 and a list of violations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help=f"List every violation, not the first {SHOWN} of each.")

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for invariant in audit.all_invariants():
            complaints = invariant.complaints()
            mark = self.style.ERROR("✗") if complaints else self.style.SUCCESS("✓")
            self.stdout.write(f"{mark} {invariant.statement}")
            shown = complaints if options["all"] else complaints[:SHOWN]
            for complaint in shown:
                self.stdout.write(f"    {complaint}")
            if len(complaints) > len(shown):
                self.stdout.write(f"    … and {len(complaints) - len(shown)} more")
            broken += len(complaints)
        if broken:
            raise CommandError(f"{broken} complaint{'s' if broken > 1 else ''}.")
        self.stdout.write(self.style.SUCCESS("All invariants hold."))
