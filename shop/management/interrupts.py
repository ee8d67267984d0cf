"""Stop signals."""

import signal
from typing import NoReturn


def interrupt_on_signals() -> None:
    """Shells start background jobs with SIGINT ignored; Python then has no handler for it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # set by nohup
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
