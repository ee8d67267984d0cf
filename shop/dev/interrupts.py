import signal
import sys
from typing import NoReturn

_REPEAT_SECONDS = 0.1


def interrupt_on_signals() -> None:
    """Raise ``KeyboardInterrupt`` for SIGINT, SIGTERM and SIGHUP (unless nohup ignores it).

    Shells start background jobs with SIGINT ignored; Python then has no handler for it. Python only prints
    exceptions of finalizers and fork handlers, so an interrupt that is lost in one is raised again.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # set by nohup
            signal.signal(number, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    sys.unraisablehook = _repeat_interrupt


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _repeat_interrupt(lost: "sys.UnraisableHookArgs") -> None:
    if issubclass(lost.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _REPEAT_SECONDS)
    else:
        sys.__unraisablehook__(lost)
