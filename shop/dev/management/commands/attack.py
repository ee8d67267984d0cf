import argparse
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from shop.dev.interrupts import interrupt_on_signals
from shop.dev.mongod import MongodError
from shop.dev.processes import ProcessError


class Command(BaseCommand):
    help = (
        "Attack a server in production mode, with a separate MongoDB, by slow, costly and numerous requests, and show "
        "what bystanders see. Exits with 1 if one is refused or their 95th percentile reaches a second."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--only", nargs="+", metavar="NAME", help="only these attacks")
        parser.add_argument("--seconds", type=float, default=20, help="length of each (default: 20)")
        parser.add_argument("--products", type=int, default=10_000, help="size of the catalog (default: 10000)")
        parser.add_argument("--proxy", action="store_true", help="run nginx with docs/deploy/nginx.conf in front")
        parser.add_argument("--tree", type=Path, default=settings.BASE_DIR, help="another checkout, for comparison")
        parser.add_argument("--write", action="store_true", help="write the table to docs/reliability.md")

    def handle(self, *args: Any, **options: Any) -> None:
        from shop.dev.attacks import report
        from shop.dev.attacks.attackers import ATTACKS
        from shop.dev.attacks.running import Run

        names = [attack.__name__ for attack in ATTACKS]
        if unknown := sorted(set(options["only"] or ()) - set(names)):
            raise CommandError(f"There is no attack {', '.join(unknown)}; there are {', '.join(names)}.")
        if options["proxy"] and not shutil.which("nginx"):
            raise CommandError("--proxy needs nginx: install it, or leave --proxy out.")
        interrupt_on_signals()
        run = Run(
            self.stdout,
            tree=options["tree"].resolve(),
            products=options["products"],
            seconds=options["seconds"],
            proxy=options["proxy"],
        )
        try:
            run.all([name for name in names if name in (options["only"] or names)])
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None
        except (MongodError, ProcessError) as error:
            raise CommandError(str(error)) from error
        if options["write"]:
            report.write(run.seen, proxy=options["proxy"], own=options["tree"].resolve() == settings.BASE_DIR)
        if failed := [name for name, seen in run.seen.items() if not seen.holds]:
            raise CommandError(f"Bystanders were refused or delayed: {', '.join(failed)}.")
