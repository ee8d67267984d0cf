"""MongoDB transactions: the only way to open one.

A transaction

- retries the body on transient errors such as write conflicts, and raises a 503 after ``GIVE_UP_SECONDS``, however
  long the request had waited for a thread, or when it has no database time left;
- retries only the commit if its outcome is unknown, so that nothing is applied twice;
- always resets the connection (the backend's ``atomic`` does not after a failed commit).

The body must be repeatable: read inside it what it decides on, and call no other service.

Source: https://www.mongodb.com/docs/manual/core/transactions-in-applications/
"""

import functools
import random
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import pymongo
import structlog
from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shop.api.errors import ServiceUnavailable, is_database_unresponsive
from shop.db import crash_points
from shop.db.connection import mongodb_connection
from shop.db.deadline import database_seconds_left, driver_call
from shop.db.key_queue import KeyQueue

logger = structlog.get_logger(__name__)

GIVE_UP_SECONDS = 7.0
ABORT_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.25

P = ParamSpec("P")
R = TypeVar("R")


class Collector(Protocol):
    """Collects what is written once, at the end of a transaction."""

    def finish(self) -> None: ...


C = TypeVar("C", bound=Collector)


class TransactionContention(ServiceUnavailable):
    default_code = "too_much_contention"


def transactional(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run in one transaction; nested calls join it. ``name`` is for logs and fault runs."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            if mongodb_connection().in_atomic_block_mongo:
                return function(*args, **kwargs)
            return _run(name, lambda: function(*args, **kwargs))

        return wrapper

    return decorate


def on_commit(hook: Callable[[], Any]) -> None:
    """Call ``hook`` after the commit, or now without a transaction; log its exceptions."""
    mongodb_connection().on_commit(hook, robust=True)


def in_transaction() -> bool:
    return mongodb_connection().in_atomic_block_mongo


# State of the running transaction's attempt; None outside.
_collectors: ContextVar[dict[type, Any] | None] = ContextVar("transaction_collectors", default=None)


def collector(kind: type[C]) -> C:
    """Return the running transaction's object of this class; its ``finish()`` is called before the commit."""
    collectors = _collectors.get()
    if collectors is None:
        raise RuntimeError(f"{kind.__name__} needs a transaction.")
    if kind not in collectors:
        collectors[kind] = kind()
    return cast("C", collectors[kind])


@contextmanager
def snapshot() -> Iterator[None]:
    """Read from one snapshot, for at most five minutes (`SnapshotTooOld`)."""
    connection = mongodb_connection()
    connection.ensure_connection()
    with connection.connection.start_session(snapshot=True) as session:
        connection.session = session
        try:
            yield
        finally:
            connection.session = None


hot_keys = KeyQueue()
# Keys of the running transaction; None outside.
_held: ContextVar[set[Hashable] | None] = ContextVar("transaction_keys", default=None)


class _Queued(Exception):
    """Another thread holds one of these keys."""

    def __init__(self, keys: set[Hashable]) -> None:
        self.keys = keys


def queue_for(keys: Iterable[Hashable]) -> None:
    """Avoid write conflicts on hot documents with other threads of this process.

    Call it before writing them; if a key is held, the transaction restarts.
    """
    held = _held.get()
    if held is None:
        return
    missing = set(keys) - held
    if missing and not hot_keys.try_acquire(missing):
        raise _Queued(missing)
    held |= missing


def _run(name: str, body: Callable[[], R]) -> R:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    attempt = 0
    held: set[Hashable] = set()
    mark = _held.set(held)
    try:
        while True:
            try:
                result, hooks = _attempt(name, body, give_up_at=give_up_at)
                break
            except _Queued as queued:
                _wait_for(held, queued.keys, give_up_at=give_up_at)
            except Exception as error:
                if not _has_label(error, "TransientTransactionError"):
                    raise
                if time.monotonic() >= give_up_at or database_seconds_left() <= 0:
                    if is_database_unresponsive(error):
                        raise
                    raise TransactionContention from error
                attempt += 1
                time.sleep(_pause(attempt, seconds_left=give_up_at - time.monotonic()))
    finally:
        _held.reset(mark)
        if held:
            hot_keys.release(held)
    if attempt > 20:
        logger.warning("transaction_contention", transaction=name, attempt=attempt + 1)
    _run_hooks(name, hooks)
    return result


def _wait_for(held: set[Hashable], keys: set[Hashable], *, give_up_at: float) -> None:
    """Wait for all keys at once: holding some while waiting could deadlock."""
    wanted = held | keys
    hot_keys.release(held)
    held.clear()
    if not hot_keys.acquire(wanted, timeout=max(0.0, give_up_at - time.monotonic())):
        raise TransactionContention
    held |= wanted


def _pause(attempt: int, *, seconds_left: float) -> float:
    longest = LONGEST_PAUSE_SECONDS * max(0.0, seconds_left) / max(GIVE_UP_SECONDS, 0.001)
    return random.uniform(0, min(longest, FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10)))  # noqa: S311


def _attempt(name: str, body: Callable[[], R], *, give_up_at: float) -> tuple[R, list[tuple[Any, ...]]]:
    connection = mongodb_connection()
    connection.ensure_connection()
    session = connection.connection.start_session()
    connection.session = session
    connection.in_atomic_block_mongo = True
    connection.run_on_commit = []
    collectors: dict[type, Any] = {}
    mark = _collectors.set(collectors)
    try:
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        crash_points.reached(f"{name}:begin")
        result = body()
        for each in collectors.values():
            each.finish()
        crash_points.reached(f"{name}:before_commit")
        _commit(session, give_up_at=give_up_at)
        crash_points.reached(f"{name}:after_commit")
        return result, connection.run_on_commit
    finally:
        _collectors.reset(mark)
        connection.session = None
        connection.in_atomic_block_mongo = False
        connection.nested_atomics = 0
        connection.run_on_commit = []
        # Abort an open transaction, without the request's time limit: locks must be released.
        with pymongo.timeout(ABORT_SECONDS):
            session.end_session()


def _commit(session: ClientSession, *, give_up_at: float) -> None:
    while True:
        try:
            with driver_call():
                session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() >= give_up_at:
                raise
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311
        else:
            return


def _run_hooks(name: str, hooks: list[tuple[Any, ...]]) -> None:
    for _, hook, _ in hooks:
        try:
            hook()
        except Exception:
            logger.exception("on_commit_hook_failed", transaction=name)


def _has_label(error: BaseException | None, label: str) -> bool:
    """Search the causes too: the backend wraps driver errors."""
    while error is not None:
        if isinstance(error, PyMongoError) and error.has_error_label(label):
            return True
        error = error.__cause__
    return False
