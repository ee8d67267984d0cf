"""Clients that are generated from the OpenAPI description, at a running shop."""

import re
from subprocess import CalledProcessError
from typing import Any

import pytest

from shop import audit
from shop.dev import clients
from shop.dev.stripe_simulator import StripeSimulator

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.large,
    pytest.mark.skipif(bool(clients.missing()), reason=clients.missing() or "-"),
]


def test_typescript_clients_compile_refuse_mistakes_and_buy(demo_shop: Any, simulator: StripeSimulator) -> None:
    """Lines below `@ts-expect-error` must not compile; the others must."""
    clients.build()
    clients.npm("run", "--silent", "lint")
    printed = clients.npm("run", "--silent", "journey", SHOP_URL=demo_shop.url, STRIPE_API_BASE=simulator.url)
    assert printed.count("ok - ") == 9, printed
    simulator.wait_until_idle(timeout=10)
    assert audit.violations() == []


def test_each_mistake_is_an_error_of_its_own() -> None:
    """A directive would also accept a line that fails for another reason, such as a missing type."""
    source = (clients.TYPESCRIPT / "test" / "must-not-compile.ts").read_text()
    control = clients.TYPESCRIPT / "test" / "control.ts"
    control.write_text(source.replace("@ts-expect-error", "expected:"))
    try:
        clients.build()
    except CalledProcessError as failed:
        found = set(re.findall(r"test/control\.ts\((\d+),", failed.stdout))
    finally:
        control.unlink()
    lines = source.splitlines()
    mistakes = [number for number, line in enumerate(lines, 1) if "// @ts-expect-error" in line]
    assert len(mistakes) > 20
    # On the next line, except where the statement goes on.
    assert all(any(str(number + more) in found for more in (1, 2)) for number in mistakes), sorted(found)
