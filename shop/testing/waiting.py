"""Waiting for what other processes do."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    """Call ``condition`` until it is true. Raises ``AssertionError`` after so many seconds."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "the condition did not become true"
        time.sleep(0.05)
