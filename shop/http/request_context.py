"""Context of the current request or job, for logs and the staff log."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

# External ids are logged and stored unchanged.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class Staff(NamedTuple):
    """``via`` is "api", "admin" or, with the id of an API key, "key"."""

    id: str
    via: str


@dataclass(slots=True)
class _Context:
    """``fields`` are added to log lines."""

    request_id: str
    fields: dict[str, str]
    user: str = ""
    staff: Staff | None = None


_current: ContextVar[_Context | None] = ContextVar("context", default=None)


def is_well_formed(request_id: str) -> bool:
    return _WELL_FORMED.fullmatch(request_id) is not None


@contextmanager
def bind_context(request_id: str = "", **fields: str) -> Iterator[str]:
    """Yield the request id (new if empty). The block starts without a user."""
    around = _current.get()
    context = _Context(request_id or secrets.token_hex(16), {**around.fields, **fields} if around else fields)
    token = _current.set(context)
    try:
        yield context.request_id
    finally:
        _current.reset(token)


def bind_user(user: Any, *, via: str) -> None:
    """Set the user for log lines and, if staff, the staff log."""
    context = _current.get()
    if context is not None:
        context.user = str(user.pk)
        context.staff = Staff(context.user, via) if user.is_staff else None


def bind_trace(trace_id: str) -> None:
    """Add the trace's id to log lines."""
    context = _current.get()
    if context is not None:
        context.fields["trace_id"] = trace_id


def bind_staff(staff: Staff | None) -> None:
    """Let the staff log name the member of staff who requested the running job."""
    context = _current.get()
    if context is not None:
        context.staff = staff


def current_request_id() -> str:
    """Return "" outside of requests and jobs."""
    context = _current.get()
    return context.request_id if context else ""


def acting_staff() -> Staff | None:
    context = _current.get()
    return context.staff if context else None


def log_fields() -> dict[str, str]:
    context = _current.get()
    return {"request_id": context.request_id, "user": context.user, **context.fields} if context else {}
