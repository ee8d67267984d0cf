import argparse
import os
import subprocess
import sys
from typing import Any

import requests
from django.core.management import BaseCommand, CommandError

from shop.dev.growth.running import PARTS, Growth
from shop.dev.interrupts import interrupt_on_signals
from shop.dev.mongod import MongodError
from shop.dev.processes import ProcessError
from shop.dev.testing.environment import ENVIRONMENT


class Command(BaseCommand):
    help = (
        "Measure a small shop and one with years of trading: all lists and reads of the API and the admin, and work "
        "that grows with the number of orders. Exits with 1 if a page is too slow or a part fails."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--orders", type=_positive, default=500_000, help="orders of the big shop (500000)")
        parser.add_argument("--small", type=_positive, default=500, help="orders of the small shop (500)")
        parser.add_argument("--rounds", type=_positive, default=5, help="requests of each page and shop (5)")
        parser.add_argument("--holds", type=_positive, default=20_000, help="holds that end at once (20000)")
        parser.add_argument("--only", nargs="+", metavar="PART", help="only these parts")
        parser.add_argument("--write", action="store_true", help="write the tables to docs/performance.md")

    def handle(self, *args: Any, **options: Any) -> None:
        parts = options["only"] or PARTS
        if unknown := sorted(set(parts) - set(PARTS)):
            raise CommandError(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.")
        if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
            # Settings must not come from .env or the shell.
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})  # noqa: S606
        interrupt_on_signals()
        growth = Growth(
            self.stdout,
            small_orders=options["small"],
            orders=options["orders"],
            rounds=options["rounds"],
            holds=options["holds"],
            parts=parts,
        )
        try:
            is_good = growth.run(write=options["write"])
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None
        except (MongodError, ProcessError, requests.RequestException, subprocess.CalledProcessError) as error:
            raise CommandError(str(error)) from error
        if not is_good:
            raise CommandError("A page is too slow, or a part failed: see above.")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)
