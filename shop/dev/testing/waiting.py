import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    """Poll ``condition``. Raises ``AssertionError`` on timeout."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "the condition did not become true"
        time.sleep(0.05)
