import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from orders.models import Order
from shop.dev.faults.world import ShopWorld, shop_world
from shop.dev.fuzz import report
from shop.dev.fuzz.examining import Plan, examine
from shop.dev.fuzz.fixtures import create_fixtures
from shop.dev.fuzz.people import login_of
from shop.dev.fuzz.preparation import Preparation
from shop.dev.fuzz.results import Finding, Results
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.waiting import wait_until
from shop.jobs import Job
from shop.management.progress import Progress

_SERVER_PROCESSES = 2
# Log lines of server errors.
_FAULTS = ("[error", "[critical", "Traceback (most recent call last)")


class Run:
    """``all_results``: one per person."""

    def __init__(self, stream: Any, plan: Plan) -> None:
        self.stream, self.plan = stream, plan
        self.all_results: list[Results] = []
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
                self.all_results.append(self._one(world, person))

    def _one(self, world: ShopWorld, person: str) -> Results:
        results = Results(person)
        furniture = create_fixtures(world, person)
        preparation = Preparation(holder=furniture.holder, stripe=world.stripe, seed=self.plan.seed)
        log = world.folder / "web.log"
        logged = log.stat().st_size
        with Progress(self.stream, person) as bar, preparation.set():
            examine(
                f"{world.url}/api/schema/?format=json",
                results=results,
                plan=self.plan,
                values=furniture.config(),
                login=login_of(person, furniture.owner),
                progress=bar,
            )
        world.stripe.wait_until_idle(30)
        # A slow run outlasts the holds, which only a worker ends; jobs move the products of categories.
        world.start_workers()
        wait_until(lambda: not Order.objects.due_to_expire().exists() and not _due_jobs().exists(), seconds=60)
        world.stop_workers()
        for violation in world.state.audit():
            results.find("audit", person, violation)
        for line in log.read_bytes()[logged:].decode(errors="replace").splitlines():
            if any(mark in line for mark in _FAULTS):
                results.find("server log", person, line)
        return results

    def print(self) -> None:
        self.stream.write("\n" + "\n".join(report.text(self.all_results)) + "\n")

    @property
    def findings(self) -> list[Finding]:
        return [finding for results in self.all_results for finding in results.findings]


def _due_jobs() -> QuerySet[Job]:
    return Job.objects.filter(run_at__lte=timezone.now(), given_up_at=None)
