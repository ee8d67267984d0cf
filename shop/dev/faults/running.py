import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from shop.dev.faults import report
from shop.dev.faults.control import NaiveWorld
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios import Scenario
from shop.dev.faults.world import ShopWorld, World, shop_world
from shop.dev.stripe_simulator import StripeSimulator
from shop.management.progress import Progress

# Duration of all rounds of SCENARIOS.
FULL_MINUTES = 20.0
CONTROL_ROUNDS = 10


class Run:
    def __init__(self, stream: Any, *, seed: int, minutes: float, short: bool) -> None:
        self.stream, self.seed, self.short = stream, seed, short
        self._pace = minutes / FULL_MINUTES
        self.shop: list[Results] = []
        self.control: list[Results] = []
        self.mongod = ""

    def all(self, scenarios: Sequence[Scenario]) -> None:
        """Run scenarios, grouped by number of members."""
        with tempfile.TemporaryDirectory(prefix="shop-torture-") as folder:
            for members in sorted({scenario.members for scenario in scenarios}):
                with self._world(Path(folder), members) as world:
                    self.mongod = world.mongod_version
                    ours = [scenario for scenario in scenarios if scenario.members == members]
                    for scenario in ours:
                        self.shop.append(self._one(scenario, world, f"{scenario.name}", self._rounds(scenario)))
                    self._all_of_control(ours, world)

    @contextlib.contextmanager
    def _world(self, folder: Path, members: int) -> Iterator[ShopWorld]:
        with (
            StripeSimulator(first_retry=0.5, delivery_workers=8) as stripe,
            shop_world(members=members, folder=folder, stripe=stripe, seed=self.seed, short=self.short) as world,
        ):
            yield world

    def _all_of_control(self, scenarios: Sequence[Scenario], shop: ShopWorld) -> None:
        scenarios = [scenario for scenario in scenarios if scenario.control]
        if not scenarios:
            return
        shop.stop_workers()
        world = NaiveWorld(
            shop.replica_set.uri, folder=shop.folder, stripe=shop.stripe, seed=self.seed, short=self.short
        )
        try:
            for scenario in scenarios:
                # A busy machine may miss the race in one round.
                self.control.append(
                    self._one(scenario, world, f"naive {scenario.name}", CONTROL_ROUNDS, until_failed=True)
                )
        finally:
            world.stop()

    def _rounds(self, scenario: Scenario) -> int:
        return 1 if self.short else max(1, round(scenario.rounds * self._pace))

    def _one(self, scenario: Scenario, world: World, title: str, rounds: int, *, until_failed: bool = False) -> Results:
        results = Results(scenario.name, outages=scenario.outages)
        began = time.monotonic()
        with Progress(self.stream, title) as bar:
            world.progress = _part_of(bar, results, rounds)
            for _ in range(rounds):
                # Depend on seed and name only, for --only.
                world.random.seed(f"{self.seed} {scenario.name} {results.rounds}")
                world.begin()
                self._round(scenario, world, results)
                results.rounds += 1
                results.audit += world.state.audit()
                bar(results.rounds, rounds)
                if until_failed and not results.passed:
                    break
        if scenario.outages:
            world.reset_circuits()
        results.seconds = time.monotonic() - began
        return results

    def _round(self, scenario: Scenario, world: World, results: Results) -> None:
        try:
            scenario.run(world, results)
        except Exception as error:
            # Record it and continue with the others.
            results.unexpected.append(f"the scenario raised: {error!r}")
            if isinstance(world, ShopWorld):
                world.stop()

    def print(self) -> None:
        lines = report.table(
            [(results.name, results) for results in self.shop]
            + [(f"naive {results.name}", results) for results in self.control]
        )
        self.stream.write("\n" + "\n".join(lines) + "\n")
        for results in self.shop:
            for text in (*results.notes, *report.violations(results)):
                self.stream.write(f"  {results.name}: {text}\n")

    @property
    def failures(self) -> list[str]:
        """Return failed scenarios of the shop and passed ones of the control."""
        failed = [results.name for results in self.shop if not results.passed]
        return failed + [f"naive {results.name} (it passed)" for results in self.control if results.passed]


def _part_of(bar: Progress, results: Results, rounds: int) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        if total:
            bar(results.rounds * total + done, rounds * total)

    return show
