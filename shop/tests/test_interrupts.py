"""A stop signal ends a command at any point."""

import subprocess
import sys

import pytest
from django.conf import settings

LOST = {
    "a fork": "os.register_at_fork(after_in_parent=stop); subprocess.Popen(['true'], preexec_fn=int).wait()",
    "a finalizer": "type('Closing', (), {'__del__': stop})()",
    "ordinary code": "stop()",
}


@pytest.mark.parametrize("code", LOST.values(), ids=LOST)
def test_an_interrupt_is_not_lost_where_python_ignores_exceptions(code: str) -> None:
    program = f"""
import os, signal, subprocess, time
from shop.dev.interrupts import interrupt_on_signals

def stop(*_):
    signal.raise_signal(signal.SIGINT)

interrupt_on_signals()
try:
    {code}
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
