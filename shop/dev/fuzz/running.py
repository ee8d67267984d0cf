import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shop.dev.faults.world import ShopWorld, shop_world
from shop.dev.fuzz import report
from shop.dev.fuzz.examining import Plan, examine
from shop.dev.fuzz.furnishing import furnish
from shop.dev.fuzz.people import login_of
from shop.dev.fuzz.scene import Scene
from shop.dev.fuzz.tally import Finding, Tally
from shop.dev.stripe_simulator import StripeSimulator
from shop.management.progress import Progress

_SERVER_PROCESSES = 2
# Log lines of server errors.
_FAULTS = ("[error", "[critical", "Traceback (most recent call last)")


class Run:
    """``tallies``: one per person."""

    def __init__(self, stream: Any, plan: Plan) -> None:
        self.stream, self.plan = stream, plan
        self.tallies: list[Tally] = []
        self.mongod = ""

    def all(self, people: Sequence[str]) -> None:
        # Ignore proxies.
        os.environ["NO_PROXY"] = "127.0.0.1"
        with (
            tempfile.TemporaryDirectory(prefix="shop-fuzz-") as folder,
            StripeSimulator(first_retry=0.5) as stripe,
            shop_world(folder=Path(folder), stripe=stripe, seed=self.plan.seed, short=True) as world,
        ):
            self.mongod = world.mongod_version
            world.start_server(processes=_SERVER_PROCESSES)
            for person in people:
                self.tallies.append(self._one(world, person))

    def _one(self, world: ShopWorld, person: str) -> Tally:
        tally = Tally(person)
        furniture = furnish(world, person)
        scene = Scene(holder=furniture.holder, stripe=world.stripe, seed=self.plan.seed)
        log = world.folder / "web.log"
        logged = log.stat().st_size
        with Progress(self.stream, person) as bar, scene.set():
            examine(
                f"{world.url}/api/schema/?format=json",
                tally=tally,
                plan=self.plan,
                values=furniture.config(),
                login=login_of(person, furniture.owner),
                progress=bar,
            )
        world.stripe.wait_until_settled(30)
        for complaint in world.books.audit():
            tally.find("audit", person, complaint)
        for line in log.read_bytes()[logged:].decode(errors="replace").splitlines():
            if any(mark in line for mark in _FAULTS):
                tally.find("server log", person, line)
        return tally

    def print(self) -> None:
        self.stream.write("\n" + "\n".join(report.text(self.tallies)) + "\n")

    @property
    def findings(self) -> list[Finding]:
        return [finding for tally in self.tallies for finding in tally.findings]
