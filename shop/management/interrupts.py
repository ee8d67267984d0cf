"""Stop signals for commands that start processes."""

import signal
from typing import NoReturn


def interrupt_on_signals() -> None:
    """Raise ``KeyboardInterrupt`` in the main thread on SIGINT, SIGTERM and SIGHUP.

    Shells start background jobs with SIGINT ignored, and Python then installs no handler for it.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # set by nohup
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
