import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
from django.core.management import BaseCommand, CommandError

from shop.dev.interrupts import interrupt_on_signals
from shop.dev.mongod import MongodError
from shop.dev.processes import ProcessError
from shop.dev.testing.environment import ENVIRONMENT


class Command(BaseCommand):
    help = (
        "Measure the API on one processor core with wrk, in rounds that alternate with a peer's (--peer), with a "
        "separate MongoDB. Without a peer only the shop is measured."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--peer", type=Path, help="folder of a Node.js shop: server.js, seed.js, node_modules")
        parser.add_argument("--products", type=_positive, default=1000, help="size of the catalog (1000)")
        parser.add_argument("--rounds", type=_positive, default=5, help="rounds of each scenario and side (5)")
        parser.add_argument("--seconds", type=_positive, default=5, help="length of a round (5)")
        parser.add_argument("--only", nargs="+", metavar="NAME", help="only these scenarios")
        parser.add_argument("--servers", action="store_true", help="compare HTTP servers")
        parser.add_argument("--processes", action="store_true", help="compare one server process with two")
        parser.add_argument("--growth", action="store_true", help="compare 1,000 products with 1,000,000")
        parser.add_argument("--soak", type=_positive, metavar="MINUTES", help="watch the memory under a long load")
        parser.add_argument("--write", action="store_true", help="write tables and charts to docs/performance.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
            # Settings must not come from .env or the shell.
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})  # noqa: S606
        from shop.dev.bench.running import Bench
        from shop.dev.bench.scenarios import PAGE_SIZE, PAGES, READING, SCENARIOS
        from shop.dev.bench.wrk import LoadError

        self._require_tools(options["peer"])
        if options["products"] < PAGES * PAGE_SIZE:
            raise CommandError(f"The requested pages need {PAGES * PAGE_SIZE} products.")
        known = SCENARIOS | READING
        if unknown := sorted(set(options["only"] or []) - set(known)):
            raise CommandError(f"There is no scenario {', '.join(unknown)}; there are {', '.join(known)}.")
        interrupt_on_signals()
        try:
            with Bench(
                self.stdout, **{name: options[name] for name in ("rounds", "seconds", "only", "write")}
            ) as bench:
                if options["servers"]:
                    bench.servers(products=options["products"])
                if options["processes"]:
                    bench.processes(products=options["products"])
                    bench.scaling(products=options["products"])
                if options["growth"]:
                    bench.growth()
                if options["soak"]:
                    bench.soak(minutes=options["soak"], products=options["products"])
                if options["peer"] or not any(options[name] for name in ("servers", "processes", "growth", "soak")):
                    bench.main(products=options["products"], peer=options["peer"] and options["peer"].resolve())
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None
        except (MongodError, ProcessError, LoadError, requests.RequestException) as error:
            raise CommandError(str(error)) from error
        except subprocess.CalledProcessError as error:
            said = (error.stderr or b"").decode(errors="replace").strip()
            raise CommandError(f"{' '.join(map(str, error.cmd))} failed. {said[-500:]}") from error

    def _require_tools(self, peer: Path | None) -> None:
        needed = {"taskset": "util-linux", "wrk": "wrk", **({"node": "nodejs"} if peer else {})}
        for tool, package in needed.items():
            if shutil.which(tool) is None:
                raise CommandError(f"The benchmark needs {tool}: install it (`apt-get install {package}` on Debian).")
        if not {0, 1} <= os.sched_getaffinity(0):
            raise CommandError("The benchmark needs two processor cores: one for the server, one for its load.")
        if peer and not (peer / "server.js").is_file():
            raise CommandError(f"There is no server.js in {peer}.")
        if peer and not (peer / "node_modules").is_dir():
            raise CommandError(f"The peer's packages are missing: run `npm install` in {peer}.")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)
