"""Crash points for fault runs, impossible in production.

``CRASH_AT=orders.place:before_commit@3`` kills the process with SIGKILL at the third pass.
"""

import os
import signal

from django.conf import settings

_left: dict[str, int] = {}


def reached(place: str) -> None:
    if not settings.CRASH_AT:
        return
    wanted, _, times = settings.CRASH_AT.partition("@")
    if place != wanted:
        return
    _left[place] = _left.get(place, int(times or 1)) - 1
    if _left[place] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
