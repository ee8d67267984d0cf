import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from shop.dev.interrupts import interrupt_on_signals
from shop.dev.management.seeds import seed_of_this_run
from shop.dev.mongod import MongodError
from shop.dev.testing.environment import ENVIRONMENT


class Command(BaseCommand):
    help = (
        "Send requests generated from the OpenAPI description to the real server, as anonymous, customer, superuser "
        "and with an API key, with a separate MongoDB and Stripe simulator, and check every response against the "
        "description and general rules. Exits with 1 if anything was found."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, help="random seed, to repeat a run (default: SEED=, or a new one)")
        parser.add_argument("--cases", type=int, default=100, help="requests per operation and user (default: 100)")
        parser.add_argument("--only", nargs="+", metavar="PERSON", help="only these users")
        parser.add_argument("--paths", metavar="REGEX", default="", help="only operations whose path contains this")
        parser.add_argument("--short", action="store_true", help="without boundary values of every field")
        parser.add_argument("--write", action="store_true", help="write the tables into docs/security.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
            # Settings, above all the Stripe account, must not come from .env or the shell.
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})  # noqa: S606
        try:
            from shop.dev.fuzz.examining import Plan
            from shop.dev.fuzz.running import Run
        except ImportError as error:
            raise CommandError(f"Install requirements-dev.txt first: {error}.") from error
        from shop.dev.fuzz.people import PEOPLE

        people = options["only"] or PEOPLE
        if unknown := sorted(set(people) - set(PEOPLE)):
            raise CommandError(f"There is no user {', '.join(unknown)}; there are {', '.join(PEOPLE)}.")
        seed = seed_of_this_run(options["seed"])
        interrupt_on_signals()
        self.stdout.write(f"Seed {seed} (repeat with --seed {seed})")
        run = Run(self.stdout, Plan(seed, options["cases"], thorough=not options["short"], paths=options["paths"]))
        began = time.monotonic()
        try:
            run.all(people)
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None
        except MongodError as error:
            raise CommandError(str(error)) from error
        run.print()
        if options["write"]:
            self._write(run, seconds=time.monotonic() - began)
        if run.findings:
            raise CommandError(f"{len(run.findings)} findings. Repeat with --seed {seed}.")
        self.stdout.write("\nNothing was found.")

    def _write(self, run: Any, *, seconds: float) -> None:
        from shop.dev.fuzz import report

        path = Path(settings.BASE_DIR) / "docs" / "security.md"
        report.write(path, report.markdown(run.all_results, seed=run.plan.seed, mongod=run.mongod, seconds=seconds))
        self.stdout.write(f"\nWritten into {path}")
