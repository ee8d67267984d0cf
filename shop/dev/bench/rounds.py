import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from shop.dev.bench import meters, wrk
from shop.dev.bench.contestants import Contestant
from shop.dev.bench.scenarios import Scenario

WARM_UP_SECONDS = 3.0
# Repetitions of rounds with error replies, per contestant.
RETRIES = 3
# Each connection's last request still runs after a round and would burden the next contestant.
QUIET_SECONDS, QUIET_SHARE, MOST_PAUSE_SECONDS = 0.2, 0.1, 5.0

Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Round:
    """Latencies are in ms; costs are averages of a request."""

    rate: float
    p50: float
    p99: float
    cpu_ms: float
    database_cpu_ms: float
    commands: float


@dataclass
class Result:
    rounds: list[Round] = field(default_factory=list)
    errors: int = 0
    gave_up: bool = False

    def median(self, measure: str) -> float:
        return statistics.median(getattr(each, measure) for each in self.rounds)


@dataclass
class Comparison:
    """Results as ``results[scenario][contestant]``; ratios compare the :class:`Round` field ``measure``."""

    title: str
    baseline: str
    results: dict[str, dict[str, Result]] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    measure: str = "rate"

    def ratios(self, scenario: str, contestant: str) -> list[float]:
        rows = self.results[scenario]
        pairs = zip(rows[contestant].rounds, rows[self.baseline].rounds, strict=False)
        return [getattr(own, self.measure) / getattr(base, self.measure) for own, base in pairs]


class Track:
    def __init__(self, client: MongoClient[dict[str, Any]], *, database_pid: int, load_core: int, folder: Path) -> None:
        self._client, self._database_pid, self._load_core = client, database_pid, load_core
        self._requests = folder

    def run(
        self, scenario: Scenario, contestants: Sequence[Contestant], *, rounds: int, seconds: float, tick: Tick
    ) -> dict[str, Result]:
        """Raises ``LoadError`` or ``ProcessError``."""
        results = {each.name: Result() for each in contestants}
        for each in contestants:
            self._prepare(each, scenario)
        total = rounds * len(contestants)
        for number in range(rounds):
            for position, each in enumerate(contestants):
                if not results[each.name].gave_up:
                    self._round(each, results[each.name], seconds, among=contestants)
                tick(number * len(contestants) + position + 1, total)
        return results

    def _prepare(self, contestant: Contestant, scenario: Scenario) -> None:
        visitor = contestant.visitor()
        requests = scenario.requests(visitor)
        # Fail early if the scenario is not supported.
        visitor.ask(requests[0])
        wrk.write_requests(self._file(contestant), requests)
        self._load(contestant, WARM_UP_SECONDS)

    def _end_holds(self) -> None:
        """Let earlier orders count as paid: no customer has hundreds of unpaid ones."""
        for name in self._client.list_database_names():
            if name.startswith("shop"):
                orders = self._client[name].orders_order
                orders.update_many({"placed_from": {"$gt": ""}}, {"$set": {"placed_from": ""}})

    def _wait_until_quiet(self, contestants: Sequence[Contestant]) -> None:
        pids = [self._database_pid, *(each.pid for each in contestants)]
        give_up_at = time.monotonic() + MOST_PAUSE_SECONDS
        busy = 1.0
        while busy > QUIET_SHARE and time.monotonic() < give_up_at:
            before = sum(map(meters.cpu_seconds, pids))
            time.sleep(QUIET_SECONDS)
            busy = (sum(map(meters.cpu_seconds, pids)) - before) / QUIET_SECONDS

    def _file(self, contestant: Contestant) -> Path:
        return self._requests / f"{contestant.name}.requests"

    def _round(self, contestant: Contestant, result: Result, seconds: float, *, among: Sequence[Contestant]) -> None:
        for _ in range(1 + RETRIES):
            self._end_holds()
            self._wait_until_quiet(among)
            before = self._meters(contestant)
            load = self._load(contestant, seconds)
            cpu, database_cpu, commands = (
                (now - then) / max(load.requests, 1) for now, then in zip(self._meters(contestant), before, strict=True)
            )
            if not load.errors and load.requests:
                rate = load.requests / load.seconds
                result.rounds.append(Round(rate, load.p50, load.p99, cpu * 1000, database_cpu * 1000, commands))
                return
            result.errors += load.errors
        result.gave_up = True

    def _load(self, contestant: Contestant, seconds: float) -> wrk.Load:
        requests = self._file(contestant)
        return wrk.load(contestant.url, requests, seconds=seconds, core=self._load_core, crowd=contestant.crowd)

    def _meters(self, contestant: Contestant) -> tuple[float, float, float]:
        return (
            meters.cpu_seconds(contestant.pid),
            meters.cpu_seconds(self._database_pid),
            float(meters.commands_sent(self._client)),
        )


def compare(
    track: Track,
    title: str,
    contestants: Sequence[Contestant],
    scenarios: Iterable[Scenario],
    *,
    baseline: str,
    measure: str,
    rounds: int,
    seconds: float,
    bar: Callable[[str], Any],
) -> Comparison:
    comparison = Comparison(title, baseline, measure=measure)
    try:
        for each in contestants:
            each.start()
        for scenario in scenarios:
            with bar(scenario.name) as tick:
                results = track.run(scenario, contestants, rounds=rounds, seconds=seconds, tick=tick)
            comparison.results[scenario.name] = results
        comparison.memory_mb = {each.name: meters.memory_mb(each.pid, peak=True) for each in contestants}
    finally:
        for each in contestants:
            each.stop()
    return comparison
