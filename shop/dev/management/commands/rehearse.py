import functools
import shutil
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop.dev.interrupts import interrupt_on_signals
from shop.dev.mongod import MongodError
from shop.dev.rehearsal import releases
from shop.dev.rehearsal.machine import machine_in
from shop.dev.rehearsal.steps import Rehearsal


class Command(BaseCommand):
    help = (
        "Deploy the shop in production mode behind nginx with TLS in an empty folder, sell, upgrade it and roll it "
        "back under load, back it up, destroy its database, restore and audit it. Exits with 1 if a request fails."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="revision",
            metavar="REVISION",
            help="upgrade from this git revision to the current code (default: from the current code to a copy with "
            "further migrations)",
        )
        parser.add_argument("--install", action="store_true", help="install packages into a new environment each")
        parser.add_argument("--shoppers", type=int, default=4, help="number of guests who buy at once (default: 4)")
        parser.add_argument("--seconds", type=float, default=5, help="seconds of sale around each step (default: 5)")

    def handle(
        self, *args: Any, revision: str | None, install: bool, shoppers: int, seconds: float, **options: Any
    ) -> None:
        for program in ("nginx", "openssl"):
            if not shutil.which(program):
                raise CommandError(f"{program} is not installed: it terminates TLS.")
        interrupt_on_signals()
        began = time.monotonic()
        if revision:
            first, second = functools.partial(releases.earlier_release, revision), releases.current_release
        else:
            first, second = releases.current_release, releases.later_release
        try:
            with (
                tempfile.TemporaryDirectory(prefix="shop-rehearsal-", ignore_cleanup_errors=True) as folder,
                machine_in(Path(folder), install=install) as machine,
            ):
                Rehearsal(machine, self.say, count=shoppers, seconds=seconds).run(first, second)
        except MongodError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"The deployment lives, after {time.monotonic() - began:.0f} s."))

    def say(self, text: str) -> None:
        self.stdout.write(f"✓ {text}")
