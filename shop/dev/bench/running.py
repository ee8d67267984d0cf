"""The comparisons in ``docs/performance.md``."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from pymongo import MongoClient

from shop.dev import mongod
from shop.dev.bench import chart, contestants, report, rounds
from shop.dev.bench.contestants import SERVERS, Contestant
from shop.dev.bench.scenarios import READING, SCENARIOS, Scenario
from shop.dev.bench.soak import soak
from shop.dev.bench.wrk import Crowd
from shop.dev.processes import spawn
from shop.management.progress import Progress

SERVER_CORE, LOAD_CORE = 0, 1
BOTH_CORES = f"{SERVER_CORE},{LOAD_CORE}"
SMALL, LARGE = 1_000, 1_000_000
# Eight connections with this pause leave one process idle half of the time, and with two leave capacity for database
# and load. A login takes 50 ms of processor time, too much.
EASY_PAUSE_MS = 40
EASY = {name: scenario for name, scenario in SCENARIOS.items() if name != "login"}
_DOCS = Path(settings.BASE_DIR) / "docs"


class Bench:
    """Comparisons with a MongoDB on the load's core. On exit everything but written results is removed."""

    def __init__(self, stream: Any, *, rounds: int, seconds: int, only: Sequence[str] | None, write: bool) -> None:
        self._stream, self._only, self._write = stream, only, write
        self._length = {"rounds": rounds, "seconds": seconds}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-bench-", dir=roomy())))
            self._replica_set = mongod.start(self._folder / "data", cache_gb=2, spawn_process=self._start_mongod)
            stack.callback(self._replica_set.stop, data_matters=False)
            client = stack.enter_context(MongoClient[dict[str, Any]](self._replica_set.uri))
            self._track = rounds.Track(
                client,
                database_pid=self._replica_set.processes[0].pid,
                load_core=LOAD_CORE,
                folder=self._folder,
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def main(self, *, products: int, peer: Path | None) -> None:
        uri = self._seeded(products)
        sides = [self._shop("shop", uri)]
        title = f"The shop, one core, {products:,} products"
        if peer is not None:
            # For a fair comparison: the peer counts requests in memory.
            sides.append(self._shop("without limits", uri, rate_limits=False))
            peers = self._uri("peer")
            contestants.seed_peer(peers, peer, products=products)
            sides.append(contestants.peer("Express", uri=peers, code=peer, folder=self._folder))
            title = f"The shop and Express, one core each, {products:,} products"
        self._compare("main", title, sides, SCENARIOS, baseline=sides[-1].name)

    def servers(self, *, products: int) -> None:
        uri = self._seeded(products)
        sides = [self._shop(name, uri, server=name) for name in SERVERS]
        self._compare("servers", "HTTP servers, one process on one core", sides, SCENARIOS, baseline="granian")

    def processes(self, *, products: int) -> None:
        uri = self._seeded(products)
        sides = [
            self._shop("1 process", uri, cores=BOTH_CORES),
            self._shop("2 processes", uri, cores=BOTH_CORES, processes=2),
        ]
        self._compare("processes", "Server processes on two cores", sides, SCENARIOS, baseline="1 process")

    def scaling(self, *, products: int) -> None:
        """Compare the cost of a request with one process and two, without saturation."""
        uri = self._seeded(products)
        half, whole = (Crowd(connections, EASY_PAUSE_MS) for connections in (4, 8))
        sides = [
            self._shop("1 for half the load", uri, cores=BOTH_CORES, crowd=half),
            self._shop("2 for the load", uri, cores=BOTH_CORES, crowd=whole, processes=2),
            self._shop("1 for the load", uri, cores=BOTH_CORES, crowd=whole),
        ]
        title = "CPU per request (less is better), as processes and load grow"
        self._compare("scaling", title, sides, EASY, baseline=sides[0].name, measure="cpu_ms")

    def growth(self) -> None:
        sides = [self._shop(f"{size:,} products", self._seeded(size)) for size in (SMALL, LARGE)]
        self._compare("growth", "A growing catalog", sides, READING, baseline=f"{SMALL:,} products")

    def soak(self, *, minutes: int, products: int) -> None:
        side = self._shop("shop", self._seeded(products))
        with Progress(self._stream, f"Soak, {minutes} min") as bar:
            result = soak(self._track, side, minutes=minutes, tick=bar)
        self._stream.write(f"\n{result}\n")
        section = "\n".join([_image("soak", "Memory"), "", str(result), "", report.conditions([side.crowd])])
        self._keep("soak", section, chart.line("Memory of the server", result.samples, unit="MB"))

    def _compare(
        self,
        name: str,
        title: str,
        sides: Sequence[Contestant],
        scenarios: dict[str, Scenario],
        *,
        baseline: str,
        measure: str = "rate",
    ) -> None:
        chosen = [each for key, each in scenarios.items() if self._only is None or key in self._only]
        comparison = rounds.compare(
            self._track,
            title,
            sides,
            chosen,
            baseline=baseline,
            measure=measure,
            bar=lambda scenario: Progress(self._stream, f"{name}: {scenario}"),
            **self._length,
        )
        self._stream.write(f"\n{report.text(comparison)}\n\n")
        lines = [*report.markdown(comparison), "", report.conditions([side.crowd for side in sides])]
        if len(sides) > 1:
            lines = [_image(name, title), "", *lines]
        self._keep(name, "\n".join(lines), chart.bars(comparison))

    def _keep(self, name: str, section: str, picture: str) -> None:
        if self._write:
            (_DOCS / "images" / f"performance-{name}.svg").write_text(picture)
            report.replace_section(_DOCS / "performance.md", name, section)
            self._stream.write(f"Written to {_DOCS / 'performance.md'}\n")

    def _shop(self, name: str, uri: str, **options: Any) -> Contestant:
        return contestants.shop(name, uri=uri, folder=self._folder, **options)

    def _seeded(self, products: int) -> str:
        uri = self._uri(f"shop_{products}")
        contestants.seed_shop(uri, self._folder, products=products)
        return uri

    def _uri(self, database: str) -> str:
        return self._replica_set.uri.replace("/shop?", f"/{database}?")

    def _start_mongod(self, name: str, command: Sequence[str]) -> tuple[subprocess.Popen[bytes], Path]:
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            return spawn(["taskset", "-c", str(LOAD_CORE), *command], stdout=output), log


def _image(name: str, title: str) -> str:
    return f"![{title}](images/performance-{name}.svg)"


def roomy() -> str | None:
    """Return a folder in memory, if large enough, to measure no disk."""
    memory = Path("/dev/shm")  # noqa: S108
    return str(memory) if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 8 * 2**30 else None
