"""What is true of the request (or job) that this thread is working on: its id, and who of the staff is acting.

The doors set it (`shop.request_log`, the API's authentication, the admin, `shop.jobs`); logs and the staff log read
it, so that no service has to hand it on.
"""

import re
import secrets
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# What an id from outside may look like: it is written into logs, headers and the database as it is.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class Staff(NamedTuple):
    """Somebody of the staff at work: the user's id, and the door ("api" or "admin") they came in by."""

    id: str
    via: str


@dataclass(slots=True)
class _Work:
    """What is worked on as long as the block lasts: a request, a job or a task; ``fields`` are the log's."""

    request_id: str
    fields: dict[str, str]
    user: str = ""
    staff: Staff | None = None
    _around: "Token[_Work | None] | None" = field(default=None, repr=False)

    def __enter__(self) -> str:
        self._around = _current.set(self)
        return self.request_id

    def __exit__(self, *_: object) -> None:
        _current.reset(self._around)


_current: ContextVar[_Work | None] = ContextVar("work", default=None)


def well_formed(request_id: str) -> bool:
    """Tell whether an id that somebody sent is short and plain enough to be taken over."""
    return _WELL_FORMED.fullmatch(request_id) is not None


def working_on(request_id: str = "", **fields: str) -> AbstractContextManager[str]:
    """Give all log lines of the block this request's id (a new one where it has none) and these fields; enter the id.

    Whoever was recognised inside is forgotten at the end, and nobody is at its beginning.
    """
    around = _current.get()
    return _Work(request_id or secrets.token_hex(16), {**around.fields, **fields} if around else fields)


def recognised(user: Any, *, via: str) -> None:
    """Note who is asking: their id is on every further log line, and staff are who acts until the request ends."""
    work = _current.get()
    if work is not None:
        work.user = str(user.pk)
        work.staff = Staff(work.user, via) if user.is_staff else None


def current_request_id() -> str:
    """Return the id of the request that is being worked on; empty outside of requests and jobs."""
    work = _current.get()
    return work.request_id if work else ""


def acting_staff() -> Staff | None:
    """Return who of the staff is acting, if anybody is."""
    work = _current.get()
    return work.staff if work else None


def log_fields() -> dict[str, str]:
    """Return what every log line says of the work that it belongs to."""
    work = _current.get()
    return {"request_id": work.request_id, "user": work.user, **work.fields} if work else {}
