"""The embedded MongoDB: it starts, also in a moved folder, and explains why it cannot."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient

from shop.dev import mongod
from shop.dev.mongod import MongodError
from shop.dev.mongod_errors import explain_exit

PROGRAM = Path("mongod")


def test_old_data_are_found_again_at_another_port(tmp_path):
    first = mongod.start(tmp_path)
    with MongoClient(first.uri) as client:
        client.shop.things.insert_one({"name": "kept"})
    first.stop()

    second = mongod.start(tmp_path)
    try:
        assert second.ports != first.ports
        with MongoClient(second.uri) as client, client.start_session() as session:
            names = session.with_transaction(
                lambda inside: [thing["name"] for thing in client.shop.things.find(session=inside)]
            )
        assert names == ["kept"]
    finally:
        second.stop(data_matters=False)


def test_a_folder_that_another_mongod_uses_and_a_port_in_use_are_sentences(tmp_path):
    running = mongod.start(tmp_path / "data")
    try:
        with pytest.raises(MongodError, match="Another mongod uses this database folder"):
            mongod.start(tmp_path / "data")
        with pytest.raises(MongodError, match=f"Port {running.ports[0]} is in use"):
            mongod.start(tmp_path / "other", port=running.ports[0])
        assert running.processes[0].poll() is None
    finally:
        running.stop(data_matters=False)


def test_a_stop_asked_for_while_it_starts_leaves_no_process(tmp_path):
    started = []

    def spawn_and_remember(name, command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        started.append(process)
        return process, tmp_path / "mongod.log"

    def stop_asked():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mongod.start(tmp_path, spawn_process=spawn_and_remember, while_waiting=stop_asked)
    assert [process.poll() for process in started] == [-signal.SIGKILL]


def test_a_disk_that_is_too_full_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod, "_LEAST_FREE_BYTES", 2**80)
    with pytest.raises(MongodError, match="not enough disk space for MongoDB"):
        mongod.start(tmp_path)


def test_a_machine_without_mongod_is_a_sentence(monkeypatch):
    monkeypatch.setattr(mongod.sysconfig, "get_path", lambda name: "/nowhere")
    monkeypatch.setattr(mongod.sys, "path", ["/nowhere"])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MongodError, match=r"no mongod for this machine .* set MONGO_URI"):
        mongod.binary()


@pytest.mark.parametrize(
    ("code", "log", "said"),
    [
        (
            127,
            "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file: No",
            "libcurl4",
        ),
        (127, "error while loading shared libraries: libssl.so.3: cannot open shared object file", "openssl-libs"),
        (127, "error while loading shared libraries: libodd.so.1: cannot open shared object file", "libodd.so.1"),
        (1, "mongod: /lib/libc.so.6: version `GLIBC_2.34' not found (required by mongod)", "too old"),
        (-signal.SIGILL, "", "AVX"),
        (-signal.SIGKILL, "", "memory"),
        (
            100,
            '{"s":"E","msg":"DBException in initAndListen","attr":{"error":"DBPathInUse: Unable"}}',
            "Another mongod",
        ),
        (48, '{"attr":{"error":"Address already in use"}}', "port was taken"),
        (14, '{"attr":{"error":"No space left on device"}}', "disk space"),
        (100, '{"attr":{"error":"Permission denied"}}', "cannot write"),
    ],
)
def test_each_way_to_fail_has_a_sentence_that_says_what_to_do(code, log, said):
    sentence = explain_exit(code, log, PROGRAM)
    assert said in sentence
    assert "\n" not in sentence


def test_an_unknown_failure_shows_what_the_log_says():
    log = (
        '{"s":"I","msg":"Build Info"}\n{"s":"F","msg":"Fatal assertion","attr":{"msgid":28595}}\n{"s":"I","msg":"bye"}'
    )
    sentence = explain_exit(14, log, PROGRAM)
    assert "exit code 14" in sentence
    assert "Fatal assertion" in sentence
    assert "Build Info" not in sentence


def test_a_command_runs_with_a_throw_away_database():
    script = "import os, pymongo; print(pymongo.MongoClient(os.environ['MONGO_URI']).admin.command('hello')['setName'])"
    command = [sys.executable, "-m", "shop.dev.mongod", "--", sys.executable, "-c", script]
    found = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stdout) == (0, "rs0\n"), found.stderr


def test_the_exit_code_of_such_a_command_is_passed_on():
    command = [sys.executable, "-m", "shop.dev.mongod", "--", "sh", "-c", "exit 7"]
    assert subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, timeout=60, check=False).returncode == 7
