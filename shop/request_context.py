"""What is true of the request (or job) that this thread is working on: its id, and who of the staff is acting.

The doors set it (`shop.request_log`, the API's authentication, the admin, `shop.jobs`); logs and the staff log read
it, so that no service has to hand it on.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from structlog.contextvars import bind_contextvars, bound_contextvars

# What an id from outside may look like: it is written into logs, headers and the database as it is.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class Staff(NamedTuple):
    """Somebody of the staff at work: the user's id, and the door ("api" or "admin") they came in by."""

    id: str
    via: str


_request_id: ContextVar[str] = ContextVar("request_id", default="")
_staff: ContextVar[Staff | None] = ContextVar("acting_staff", default=None)


def well_formed(request_id: str) -> bool:
    """Tell whether an id that somebody sent is short and plain enough to be taken over."""
    return _WELL_FORMED.fullmatch(request_id) is not None


@contextmanager
def working_on(request_id: str = "", **fields: str) -> Iterator[str]:
    """Give all log lines of the block this request's id (a new one where it has none) and these fields; yield the id.

    Whoever was recognised inside is forgotten at the end, and nobody is at its beginning.
    """
    request_id = request_id or secrets.token_hex(16)
    marks = _request_id.set(request_id), _staff.set(None)
    try:
        with bound_contextvars(request_id=request_id, user="", **fields):
            yield request_id
    finally:
        _request_id.reset(marks[0])
        _staff.reset(marks[1])


def recognised(user: Any, *, via: str) -> None:
    """Note who is asking: their id is on every further log line, and staff are who acts until the request ends."""
    bind_contextvars(user=str(user.pk))
    _staff.set(Staff(str(user.pk), via) if user.is_staff else None)


def current_request_id() -> str:
    """Return the id of the request that is being worked on; empty outside of requests and jobs."""
    return _request_id.get()


def acting_staff() -> Staff | None:
    """Return who of the staff is acting, if anybody is."""
    return _staff.get()
