"""The fault runs: a short one, and whether the checks look everywhere."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from catalog.models import Product
from orders import services as orders
from orders.events import Actor
from orders.models import Order
from shop import jobs
from shop.db import crash_points
from shop.dev.faults import report
from shop.dev.faults.results import Results
from shop.dev.faults.scenarios import SCENARIOS
from shop.dev.faults.scenarios.crashes import CALLS, TRANSACTIONS
from shop.dev.faults.state import ShopState
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.steps import API, order_of, place_order
from shop.dev.testing.stripe_steps import deliver, open_payment, pay
from shop.dev.testing.tasks import run_due_tasks


def torture(*arguments: str) -> tuple[list[str], dict[str, Any]]:
    command = [sys.executable, "manage.py", "torture", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}
    return command, {"cwd": settings.BASE_DIR, "env": environment, "text": True}


def finds_nothing_wrong_with_the_shop_and_much_with_the_naive_one(*arguments: str, chosen: set[str]) -> None:
    command, options = torture("--short", "--seed", "1", *arguments)
    done = subprocess.run(command, capture_output=True, timeout=400, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Seed 1 " in done.stdout
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.endswith("holds")}
    assert set(rows) == chosen
    failed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("naive") and "FAILS" in line}
    assert failed == {scenario.name for scenario in SCENARIOS if scenario.control and scenario.name in chosen}


@pytest.mark.slow
def test_races_find_nothing_wrong_with_the_shop_and_much_with_the_naive_one() -> None:
    chosen = {"hot_product", "invoice_numbers", "last_pieces", "one_event", "outgoing_webhooks"}
    finds_nothing_wrong_with_the_shop_and_much_with_the_naive_one("--only", *sorted(chosen), chosen=chosen)


@pytest.mark.large
def test_a_short_run_finds_nothing_wrong_with_the_shop_and_much_with_the_naive_one() -> None:
    in_short = {scenario.name for scenario in SCENARIOS if scenario.in_short}
    finds_nothing_wrong_with_the_shop_and_much_with_the_naive_one(chosen=in_short)


@pytest.mark.large
def test_a_run_that_is_stopped_leaves_nothing_running(tmp_path: Path) -> None:
    command, options = torture("--only", "last_pieces")
    # As a background job of a shell, for which SIGINT is ignored.
    command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    options["env"]["TMPDIR"] = str(tmp_path)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        started = time.monotonic()
        while not list(tmp_path.glob("shop-torture-*/web.log")) and time.monotonic() < started + 60:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 130
    finally:
        process.kill()
        process.wait(10)
    assert not list(tmp_path.glob("shop-torture-*"))
    still = subprocess.run(["ps", "-A", "-o", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    assert not [line for line in still.splitlines() if line.split()[0] == str(process.pid)]


def test_a_scenario_that_does_not_exist_is_refused_with_a_sentence() -> None:
    with pytest.raises(CommandError, match="There is no scenario nothing; there are "):
        call_command("torture", only=["nothing"])


@pytest.mark.django_db
def test_every_place_that_a_sale_reaches_has_its_crash(
    as_customer: APIClient,
    as_staff: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached: set[str] = set()
    product = make_product(stock=100)
    monkeypatch.setattr(crash_points, "reached", reached.add)

    def order() -> tuple[str, dict[str, Any]]:
        number = place_order(as_customer, product)["number"]
        return number, open_payment(as_customer, number)

    bought, payment = order()
    pay(as_customer, simulator, bought)
    assert as_staff.post(f"{API}/payments/{payment['id']}/refunds/", {"amount": "3.00"}).status_code == 201
    withdrawn = {"lines": [{"line": str(product.variants.get().pk), "quantity": 1}], "withdrawal": True}
    reply = as_customer.post(f"{API}/orders/{bought}/returns/", withdrawn)
    assert reply.status_code == 201
    assert as_staff.post(f"{API}/orders/{bought}/returns/{reply.json()['id']}/approve/", {}).status_code == 200
    cancelled, _ = order()
    as_customer.post(f"{API}/orders/{cancelled}/cancel/", {})
    unheard, payment = order()
    simulator.pay(payment["payment_intent"])
    as_customer.post(f"{API}/orders/{unheard}/cancel/", {})
    order()
    Order.objects.filter(status="pending").update(expires_at=timezone.now() - timedelta(seconds=1))
    run_due_tasks()
    late, payment = order()
    row = Order.objects.get(number=late)
    orders._cancel(order_id=row.pk, detail="", actor=Actor.CUSTOMER)
    simulator.pay(payment["payment_intent"])
    deliver(simulator)
    jobs.run_due()
    assert order_of(as_customer, late)["payment_status"] == "refunded"

    names = {place.rpartition(":")[0] for place in reached}
    # Reconciliation only looks, and applies what it finds by the same transactions.
    assert names - {"stripe.list_intents"} == {name for name, *_ in (*TRANSACTIONS, *CALLS)}


@pytest.mark.django_db
@pytest.mark.parametrize(("expired", "event"), [(True, "expired"), (False, "cancelled")])
def test_an_order_can_end_without_its_intent(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator, expired: bool, event: str
) -> None:
    number = place_order(as_customer, make_product(stock=1))["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    ShopState().cancel_locally(number, expired=expired)
    order = order_of(as_customer, number)
    assert (order["status"], order["timeline"][-1]["event"]) == ("cancelled", event)
    assert simulator.pay(intent)["status"] == "succeeded"


def test_a_table_says_what_went_wrong() -> None:
    good, bad = Results("last_pieces", attempted=3, acknowledged=2), Results("coupon", attempted=1)
    bad.lost.append("the acknowledged order X")
    bad.answered(503, "POST /orders/")
    text = report.markdown([good, bad], [bad], seed=5, mongod="6.0.5", seconds=60, short=False)
    assert "| last_pieces | 3 | 2 | 0 | 0 | 0 | 0 | clean | holds |" in text
    assert "| coupon | 1 | 0 | 1 | 0 | 1 | 1 | clean | FAILS |" in text
    assert "- coupon: lost: the acknowledged order X" in text
    assert "POST /orders/ answered 503" in text


def test_a_503_is_no_fault_during_an_outage_and_a_500_always_is() -> None:
    results = Results("frozen", outages=True, attempted=1)
    results.answered(503, "a call")
    assert (results.server_errors, results.passed) == (1, True)
    results.answered(500, "a call")
    assert results.violations == ["unexpected: a call answered 500"]


def test_a_written_run_leaves_the_attacks_of_the_page_as_they_are(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    attacks = "<!-- attacks: begin -->\nmeasured\n<!-- attacks: end -->\n"
    page.write_text(f"<!-- faults: begin -->\nold\n<!-- faults: end -->\n{attacks}")
    report.write(page, "new")
    assert page.read_text() == f"<!-- faults: begin -->\nnew\n<!-- faults: end -->\n{attacks}"
    # The page that the command writes has the places.
    assert "<!-- faults: begin -->" in Path(settings.BASE_DIR, "docs", "reliability.md").read_text()
