"""MongoDB frozen or gone: 503 in time, `/livez` goes on, and all is well again when it is back."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from shop import mongod
from shop.testing.server import shop_server
from shop.testing.waiting import wait_until

# The contract's bound: a request that takes longer fails here as it would at a storefront.
WITHIN_SECONDS = 10


def test_a_frozen_database_gives_a_crowd_503_in_time_and_the_shop_recovers(tmp_path: Path) -> None:
    with mongod.temporary() as database, shop_server(log=tmp_path / "web.log", MONGO_URI=database.uri) as server:
        products = f"{server.url}/api/v1/products/"
        os.kill(database.processes[0].pid, signal.SIGSTOP)
        try:
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


def test_a_database_that_is_gone_gives_503_in_time(tmp_path: Path) -> None:
    with mongod.temporary() as database, shop_server(log=tmp_path / "web.log", MONGO_URI=database.uri) as server:
        database.processes[0].kill()
        reply = requests.get(f"{server.url}/api/v1/products/", timeout=WITHIN_SECONDS)
        assert reply.status_code == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert requests.get(f"{server.url}/livez", timeout=WITHIN_SECONDS).status_code == 200
        assert requests.get(f"{server.url}/readyz", timeout=WITHIN_SECONDS).status_code == 503
