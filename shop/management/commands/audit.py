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
            violations = invariant.violations()
            mark = self.style.ERROR("✗") if violations else self.style.SUCCESS("✓")
            self.stdout.write(f"{mark} {invariant.statement}")
            shown = violations if options["all"] else violations[:SHOWN]
            for violation in shown:
                self.stdout.write(f"    {violation}")
            if len(violations) > len(shown):
                self.stdout.write(f"    … and {len(violations) - len(shown)} more")
            broken += len(violations)
        if broken:
            raise CommandError(f"{broken} violation{'s' if broken > 1 else ''}.")
        self.stdout.write(self.style.SUCCESS("All invariants hold."))
