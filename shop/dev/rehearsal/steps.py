import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from shop.dev.rehearsal.machine import PASSWORD, STAFF, Machine, Release
from shop.dev.rehearsal.shoppers import Client, Sales, shoppers

_STOCK = 1_000_000


class Rehearsal:
    """``shoppers`` buy at once, for ``seconds`` before and after each change of the deployment."""

    def __init__(self, machine: Machine, say: Callable[[str], Any], *, count: int, seconds: float) -> None:
        self.machine, self._say, self._count, self._seconds = machine, say, count, seconds
        self.product = ""

    def run(self, first: Callable[[Path], None], second: Callable[[Path], None]) -> None:
        """Raises :class:`CommandError` at the first step that fails."""
        old = self.deploy(first)
        kept = self.upgrade(old, second)
        backup, lost = self.back_up_and_sell_on()
        self.restore(backup, kept, lost)

    def deploy(self, copy: Callable[[Path], None]) -> Release:
        release = self.machine.deploy("first", copy)
        release.manage("migrate", "--verbosity", "0")
        answers = ("--noinput", "--email", STAFF, "--name", "Boss")
        release.manage("createsuperuser", *answers, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        release.manage("check", "--deploy", "--database", "default", "--fail-level", "ERROR")
        release.start("serve")
        release.start("worker")
        self.machine.send_requests_to(release)
        staff = Client(self.machine, Sales(), shopper="203.0.113.1")
        staff.log_in()
        mug = {"name": "Mug", "price": "12.00", "sku": "MUG", "stock": _STOCK, "is_active": True}
        self.product = staff.call("POST", "/products/", mug)["id"]
        Client(self.machine, Sales(), shopper="203.0.113.2").buy(self.product)
        self._say("deployed, behind TLS; a guest bought and paid")
        return release

    def upgrade(self, old: Release, copy: Callable[[Path], None]) -> Sales:
        """Replace the release while guests buy; then return to the former one and replace it again."""
        new = self.machine.deploy("second", copy)
        with shoppers(self.machine, self.product, count=self._count) as sales:
            time.sleep(self._seconds)
            new.manage("migrate", "--verbosity", "0")
            time.sleep(self._seconds)
            self._replace(old, new)
            time.sleep(self._seconds)
            self._replace(new, old)
            time.sleep(self._seconds)
            self._replace(old, new)
            time.sleep(self._seconds)
        self._require_no_failure("the upgrades", sales)
        self._say(
            f"migrated, replaced, rolled back and replaced again while {len(sales.orders)} orders were placed and "
            f"paid: {sales.requests:,} requests, none failed"
        )
        return sales

    def back_up_and_sell_on(self) -> tuple[Path, Sales]:
        """Return the backup and what was sold after it."""
        with shoppers(self.machine, self.product, count=self._count) as sales:
            time.sleep(self._seconds)
            began = time.monotonic()
            backup = self.machine.back_up()
            seconds = time.monotonic() - began
            time.sleep(self._seconds)
        self._require_no_failure("the backup", sales)
        with shoppers(self.machine, self.product, count=self._count) as lost:
            time.sleep(self._seconds)
        self._require_no_failure("the sale after the backup", lost)
        self._say(
            f"backed up in {seconds:.1f} s while {sales.requests:,} requests were served, none failed; "
            f"{len(lost.orders)} orders placed after it"
        )
        return backup, lost

    def restore(self, backup: Path, kept: Sales, lost: Sales) -> None:
        release = self.machine.releases[-1]
        release.stop("worker")
        release.stop("serve")
        self.machine.destroy_database()
        self.machine.restore(backup)
        release.manage("migrate", "--verbosity", "0")
        release.manage("expire_change_cursors")
        release.manage("audit")
        # It exits with 1, as someone has to look at the payments of lost orders.
        reconcile = ("reconcile_payments", "--hours", "48", "--settling-minutes", "0")
        release.manage(*reconcile, codes=(0, 1))
        second = release.manage(*reconcile, codes=(1,))
        unknown = [number for number in lost.orders if number not in second]
        if unknown:
            raise CommandError(f"reconcile_payments does not list payments of lost orders {unknown[:5]}:\n{second}")
        release.start("serve")
        release.start("worker")
        for number, token in list(kept.orders.items())[:20]:
            client = Client(self.machine, Sales(), shopper="203.0.113.3")
            client.headers["X-Order-Token"] = token
            if client.call("GET", f"/orders/{number}/")["payment_status"] != "paid":
                raise CommandError(f"order {number} is not paid after the restore")
        with shoppers(self.machine, self.product, count=self._count) as sales:
            time.sleep(self._seconds)
        self._require_no_failure("the sale after the restore", sales)
        release.stop("worker")
        release.stop("serve")
        release.manage("audit")
        self._say(
            f"destroyed and restored; reconciliation listed the payments of all {len(lost.orders)} lost orders, "
            f"{len(sales.orders)} more were placed and paid, and the audit found nothing before and after"
        )

    def _replace(self, former: Release, next_one: Release) -> None:
        next_one.start("serve")
        self.machine.send_requests_to(next_one)
        former.stop("serve")
        former.stop("worker")
        next_one.start("worker")

    @staticmethod
    def _require_no_failure(step: str, sales: Sales) -> None:
        if sales.failures:
            failures = "\n".join(sales.failures[:10])
            raise CommandError(f"{len(sales.failures)} of {sales.requests} requests failed during {step}:\n{failures}")
        if not sales.orders:
            raise CommandError(f"Nothing was sold during {step}.")
