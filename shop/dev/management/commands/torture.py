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
        "Run races, kills, outages and lost responses against several processes of the real shop over HTTP, with a "
        "separate MongoDB and Stripe simulator, and show what was lost or happened twice. A naive control shop must "
        "fail. Exits with 1 if a scenario failed."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, help="random seed, to repeat a run (default: SEED=, or a new one)")
        parser.add_argument(
            "--minutes", type=float, default=20.0, help="approximate duration of the races (default: 20)"
        )
        parser.add_argument("--only", nargs="+", metavar="NAME", help="only these scenarios")
        parser.add_argument("--short", action="store_true", help="a selection that takes 40 seconds")
        parser.add_argument("--write", action="store_true", help="write the table to docs/reliability.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
            # Settings, above all the Stripe account, must not come from .env or the shell.
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})  # noqa: S606
        from shop.dev.faults.running import Run
        from shop.dev.faults.scenarios import SCENARIOS

        names = [scenario.name for scenario in SCENARIOS]
        only = options["only"] or names
        if unknown := sorted(set(only) - set(names)):
            raise CommandError(f"There is no scenario {', '.join(unknown)}; there are {', '.join(names)}.")
        chosen = [
            each
            for each in SCENARIOS
            if each.name in only and (each.in_short or options["only"] or not options["short"])
        ]
        seed = seed_of_this_run(options["seed"])
        interrupt_on_signals()
        self.stdout.write(f"Seed {seed} (repeat with --seed {seed})")
        run = Run(self.stdout, seed=seed, minutes=options["minutes"], short=options["short"])
        began = time.monotonic()
        try:
            run.all(chosen)
        except KeyboardInterrupt:
            run.print()
            raise CommandError("Interrupted.", returncode=130) from None
        except MongodError as error:
            raise CommandError(str(error)) from error
        run.print()
        if options["write"]:
            self._write(run, seconds=time.monotonic() - began)
        if run.failures:
            raise CommandError(f"Failed: {', '.join(run.failures)}. Repeat with --seed {seed}.")
        self.stdout.write("\nThe shop passed" + (", and the naive shop failed." if run.control else "."))

    def _write(self, run: Any, *, seconds: float) -> None:
        from shop.dev.faults import report

        path = Path(settings.BASE_DIR) / "docs" / "reliability.md"
        text = report.markdown(
            run.shop, run.control, seed=run.seed, mongod=run.mongod, seconds=seconds, short=run.short
        )
        report.write(path, text)
        self.stdout.write(f"\nWritten to {path}")
