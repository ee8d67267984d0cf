"""Commands explain why MongoDB cannot be used, and what to do."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from pymongo import MongoClient

from shop.dev import mongod
from shop.dev.mongod_errors import MongodError, check_reachable
from shop.dev.processes import spawn


def complaint_about(uri: str) -> str:
    with pytest.raises(MongodError) as raised:
        check_reachable(uri, seconds=1)
    return str(raised.value)


@pytest.fixture
def address() -> str:
    """Host and port of the replica set of the tests."""
    return urlsplit(settings.MONGO_URI).netloc


@contextlib.contextmanager
def single_mongod(folder: Path, *options: str) -> Iterator[int]:
    """Run a mongod that is not in a replica set; yield its port."""
    port = mongod.free_port()
    folder.mkdir()
    command = [str(mongod.binary()), "--dbpath", str(folder), "--port", str(port), "--nounixsocket", *options]
    server = spawn([*command, "--bind_ip", "127.0.0.1"], stdout=subprocess.DEVNULL)
    try:
        while mongod.port_is_free(port):
            assert server.poll() is None
            time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("mongodb://{0}/shop?replicaSet=other", "belongs to the replica set rs0: put replicaSet=rs0 into MONGO_URI."),
        ("mongodb://{0}/shop?replicaSet=rs0&tls=true", "does not speak TLS as MONGO_URI asks"),
        ("mongodb://user:hunter2@{0}/shop?replicaSet=rs0", "refuses the user or the password in MONGO_URI"),
        ("mongodb://mongo.invalid:27017/shop?replicaSet=rs0", "The host mongo.invalid does not exist"),
        ("mongodb+srv://user:hunter2@mongo.invalid/shop", "DNS has no entry for the host mongo.invalid"),
        ("mongodb://user:hunter2@127.0.0.1:1/shop?replicaSet=rs0", "No MongoDB answers at 127.0.0.1:1: start it"),
    ],
)
def test_each_fault_of_an_address_has_its_sentence(address: str, uri: str, complaint: str) -> None:
    said = complaint_about(uri.format(address))
    assert complaint in said
    assert "hunter2" not in said


def test_a_set_that_was_not_initiated_or_has_other_names_has_its_sentence(tmp_path: Path) -> None:
    with single_mongod(tmp_path / "member", "--replSet", "rs0") as port:
        uri = f"mongodb://127.0.0.1:{port}/shop?replicaSet=rs0"
        assert "was never initiated: run `rs.initiate()`" in complaint_about(uri)
        with MongoClient("127.0.0.1", port, directConnection=True) as client:
            # The second member votes and does not exist.
            members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.05)
            check_reachable(uri)
            config = client.admin.command("replSetGetConfig")["config"]
            config["version"] += 1
            config["members"].append({"_id": 1, "host": "127.0.0.1:1", "votes": 1, "priority": 1})
            client.admin.command("replSetReconfig", config, force=True)
            client.admin.command("replSetStepDown", 60, force=True)
        assert "has no primary at the moment" in complaint_about(uri)


def test_every_command_names_a_server_without_a_replica_set(tmp_path: Path, subtests: pytest.Subtests) -> None:
    with single_mongod(tmp_path / "single") as port:
        uri = f"mongodb://127.0.0.1:{port}/shop?replicaSet=rs0"
        environment = {**os.environ, "PORT": str(mongod.free_port()), "MONGO_URI": uri}
        expected = f"The MongoDB at 127.0.0.1:{port} is not part of a replica set, and orders need transactions"
        for command in ("migrate", "serve", "worker", "audit"):
            with subtests.test(command):
                done = subprocess.run(
                    [sys.executable, "manage.py", command],
                    cwd=settings.BASE_DIR,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
                assert done.returncode == 1
                assert done.stderr.startswith(expected), done.stderr
                assert len(done.stderr.splitlines()) == 1
