"""MongoDB frozen or gone: 503 in time, `/livez` is 200, and all works again afterwards."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.conf import settings

from shop.dev import mongod
from shop.dev.testing.schema import prepare_database
from shop.dev.testing.server import ShopServer, shop_server
from shop.dev.testing.waiting import wait_until

# The contract's bound: a request that takes longer fails here as it would at a storefront.
WITHIN_SECONDS = 10


@contextlib.contextmanager
def shop_on_its_own_database(log: Path) -> Iterator[tuple[mongod.ReplicaSet, ShopServer]]:
    with mongod.temporary() as database:
        environment = {**os.environ, "MONGO_URI": database.uri}
        command = [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"]
        prepare_database(
            database.uri, lambda: subprocess.run(command, env=environment, cwd=settings.BASE_DIR, check=True)
        )
        with shop_server(log=log, MONGO_URI=database.uri) as server:
            yield database, server


@pytest.mark.slow
def test_a_database_that_is_frozen_thawed_and_gone_gives_503_in_time_and_200_between(tmp_path: Path) -> None:
    with shop_on_its_own_database(tmp_path / "web.log") as (database, server):
        products = f"{server.url}/api/v1/products/"
        register = f"{server.url}/api/v1/auth/register/"

        def ask(number: int) -> int:
            if number % 2:
                return requests.get(products, timeout=WITHIN_SECONDS).status_code
            # A transaction.
            account = {"email": f"{number}@example.com", "password": "correct-horse-battery", "name": "A"}
            return requests.post(register, json=account, timeout=WITHIN_SECONDS).status_code

        os.kill(database.processes[0].pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(60) as crowd:
                assert set(crowd.map(ask, range(60))) == {503}
            reply = requests.get(products, timeout=WITHIN_SECONDS)
            assert reply.status_code == 503
            assert int(reply.headers["Retry-After"]) > 0
            assert reply.json()["errors"][0]["code"] == "database_unavailable"
            assert requests.get(f"{server.url}/livez", timeout=WITHIN_SECONDS).status_code == 200
            assert requests.get(f"{server.url}/readyz", timeout=WITHIN_SECONDS).status_code == 503
            with ThreadPoolExecutor(60) as crowd:
                statuses = crowd.map(lambda _: requests.get(products, timeout=WITHIN_SECONDS).status_code, range(60))
                assert set(statuses) == {503}
        finally:
            os.kill(database.processes[0].pid, signal.SIGCONT)
        wait_until(lambda: requests.get(products, timeout=WITHIN_SECONDS).status_code == 200)
        assert requests.get(f"{server.url}/readyz", timeout=WITHIN_SECONDS).status_code == 200

        # Gone, not frozen.
        database.processes[0].kill()
        reply = requests.get(products, timeout=WITHIN_SECONDS)
        assert reply.status_code == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert requests.get(f"{server.url}/livez", timeout=WITHIN_SECONDS).status_code == 200
        assert requests.get(f"{server.url}/readyz", timeout=WITHIN_SECONDS).status_code == 503
