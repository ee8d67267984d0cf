"""Named places where a process can be made to die, for fault runs: off by default, impossible in production.

``CRASH_AT=orders.place:before_commit`` (with ``DEBUG=1``) kills the process with SIGKILL the first time it gets there;
``CRASH_AT=orders.place:before_commit@3`` the third time. Only `shop.transactions` (``begin``, ``before_commit``,
``after_commit`` of every named transaction) and `payments.gateway` (``before`` and ``after`` every named call to
Stripe) have such places.
"""

import os
import signal

from django.conf import settings

_left: dict[str, int] = {}


def reached(place: str) -> None:
    """Die here if that is what this process was started for."""
    if not settings.CRASH_AT:
        return
    wanted, _, times = settings.CRASH_AT.partition("@")
    if place != wanted:
        return
    _left[place] = _left.get(place, int(times or 1)) - 1
    if _left[place] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
