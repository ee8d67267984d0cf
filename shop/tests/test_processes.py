"""Processes of a killed run are ended; others that now have their pids are not."""

import json
import os
import subprocess
import sys
import time

import pytest

from shop.dev.processes import ProcessError, Supervisor, start_time

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# Ignores SIGTERM, and has a child that does so, too.
STUBBORN = [
    sys.executable,
    "-c",
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); "
    "print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(tmp_path, folder=tmp_path)
    supervisor.acquire()
    yield supervisor
    supervisor.stop_children()
    supervisor.release()


@pytest.fixture
def stranger():
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def group_exists(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def leave_pid_file(folder, *, pid, started):
    (folder / "pids").mkdir()
    (folder / "pids" / "web.json").write_text(json.dumps({"pid": pid, "started": started, "run": "earlier"}))


def test_what_a_killed_run_left_is_ended(tmp_path, stranger):
    leave_pid_file(tmp_path, pid=stranger.pid, started=start_time(stranger.pid))
    supervisor = Supervisor(tmp_path, folder=tmp_path)
    supervisor.acquire()
    supervisor.release()
    assert stranger.wait(5) != 0
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_process_that_was_given_the_same_number_later_is_left_alone(tmp_path, stranger):
    leave_pid_file(tmp_path, pid=stranger.pid, started="another boot/1")
    supervisor = Supervisor(tmp_path, folder=tmp_path)
    supervisor.acquire()
    supervisor.release()
    assert stranger.poll() is None
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_pid_file_that_was_cut_short_is_no_obstacle(tmp_path):
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "web.json").write_text('{"pid": 1')
    supervisor = Supervisor(tmp_path, folder=tmp_path)
    supervisor.acquire()
    supervisor.release()
    assert list((tmp_path / "pids").iterdir()) == []


def test_only_one_run_holds_a_folder(tmp_path, supervisor):
    with pytest.raises(ProcessError, match=rf"Another run \(process {os.getpid()}\) is alive"):
        Supervisor(tmp_path, folder=tmp_path).acquire()


def test_a_process_and_its_children_that_ignore_sigterm_are_killed(supervisor, tmp_path):
    child = supervisor.start("stubborn", STUBBORN, env=dict(os.environ), stop_seconds=0.3)
    while child.log.read_text().count("up") < 2:
        time.sleep(0.01)
    supervisor.stop_children()
    give_up = time.monotonic() + 5
    while (is_there := group_exists(child.process.pid)) and time.monotonic() < give_up:
        time.sleep(0.01)  # the kernel takes a moment
    assert not is_there


def test_a_command_that_fails_says_what_it_wrote(supervisor):
    command = [sys.executable, "-c", "import sys; print('no such table'); sys.exit(3)"]
    with pytest.raises(ProcessError, match=r"(?s)migrate failed with exit code 3; .*migrate\.log.*no such table"):
        supervisor.run("migrate", command, env=dict(os.environ), while_waiting=lambda: time.sleep(0.01))
    assert supervisor.children == []


def test_a_program_that_does_not_exist_is_a_sentence(supervisor):
    with pytest.raises(ProcessError, match="web could not be started"):
        supervisor.start("web", ["/does/not/exist"], env={})
