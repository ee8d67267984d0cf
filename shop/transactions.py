"""The only door to MongoDB transactions.

``@transactional("orders.place")`` runs a function in one transaction of the default database. It

- runs the body again, after a jittered pause, when MongoDB reports a write conflict or another transient error;
- sends only the commit again when its outcome is unknown, so that nothing is applied twice;
- leaves the thread's connection clean whatever happened (the backend's own ``atomic`` does not after a failed commit);
- runs on-commit hooks once, after the commit, and never those of an attempt that failed;
- gives up with a 503 when conflicts outlast ``GIVE_UP_SECONDS``, and with the driver's error when MongoDB is silent;
- lets the threads of one process write the same hot document one after the other (:func:`queue_for`), so that only
  processes conflict; the longer a transaction has tried, the shorter its pauses are.

A body must therefore be repeatable: it reads what it decides on inside, and makes no call to another service.

Sources: https://www.mongodb.com/docs/manual/core/transactions-in-applications/ (error labels) and the MongoDB
transactions specification (a commit whose outcome is unknown is retried with ``w: majority``, which the driver adds).
"""

import functools
import random
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import pymongo
import structlog
from django.db import DEFAULT_DB_ALIAS, connections
from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shop import crash_points
from shop.db.deadline import driver_call
from shop.db.key_queue import KeyQueue
from shop.errors import ServiceUnavailable, is_database_silent

logger = structlog.get_logger(__name__)

GIVE_UP_SECONDS = 7.0
ABORT_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.25

P = ParamSpec("P")
R = TypeVar("R")


class TransactionContention(ServiceUnavailable):
    """Too many others wanted to change the same thing at the same time, for as long as we were willing to try."""

    default_code = "too_much_contention"


def transactional(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function to run in one transaction; inside another one it simply joins in.

    ``name`` identifies the transaction in logs and fault runs.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            if connections[DEFAULT_DB_ALIAS].in_atomic_block_mongo:
                return function(*args, **kwargs)
            return _run(name, lambda: function(*args, **kwargs))

        return wrapper

    return decorate


def on_commit(hook: Callable[[], Any]) -> None:
    """Call ``hook`` once the running transaction is committed; at once where none is running.

    A hook that raises is logged: what was committed stays, and the caller must hear so.
    """
    connections[DEFAULT_DB_ALIAS].on_commit(hook, robust=True)


def in_transaction() -> bool:
    """Tell whether this thread is inside a transaction."""
    return connections[DEFAULT_DB_ALIAS].in_atomic_block_mongo


@contextmanager
def snapshot() -> Iterator[None]:
    """Let every read of the block see the database as it was at one moment, while others write.

    MongoDB keeps five minutes of history: reading for longer fails (`SnapshotTooOld`).
    """
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    with connection.connection.start_session(snapshot=True) as session:
        connection.session = session
        try:
            yield
        finally:
            connection.session = None


# Of the documents that threads of this process are writing.
hot_keys = KeyQueue()
# The keys that the running transaction holds, None outside of one.
_held: ContextVar[set[Hashable] | None] = ContextVar("transaction_keys", default=None)


class _Queued(Exception):
    """Another thread is at one of these keys: the transaction begins again when it holds them."""

    def __init__(self, keys: set[Hashable]) -> None:
        self.keys = keys


def queue_for(keys: Iterable[Hashable]) -> None:
    """Keep the other threads of this process from these documents until the running transaction has ended.

    Call it before writing documents that many transactions want. If another thread is at one of them, the transaction
    rolls back, waits for its turn and begins again, where going on would end in a write conflict.
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
                if time.monotonic() >= give_up_at:
                    if is_database_silent(error):
                        raise
                    raise TransactionContention from error
                attempt += 1
                time.sleep(_pause(attempt, seconds_left=give_up_at - time.monotonic()))
    finally:
        _held.reset(mark)
        if held:
            hot_keys.release(held)
    if attempt > 20:
        logger.warning("a transaction needed many attempts", transaction=name, attempt=attempt + 1)
    _run_hooks(name, hooks)
    return result


def _wait_for(held: set[Hashable], keys: set[Hashable], *, give_up_at: float) -> None:
    """Give back the keys that are held, and wait for them and ``keys`` together: so nobody waits while holding one."""
    wanted = held | keys
    hot_keys.release(held)
    held.clear()
    if not hot_keys.acquire(wanted, timeout=max(0.0, give_up_at - time.monotonic())):
        raise TransactionContention
    held |= wanted


def _pause(attempt: int, *, seconds_left: float) -> float:
    """Return a random pause that grows with the attempts, within a bound that shrinks as time runs out."""
    longest = LONGEST_PAUSE_SECONDS * max(0.0, seconds_left) / max(GIVE_UP_SECONDS, 0.001)
    return random.uniform(0, min(longest, FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10)))  # noqa: S311


def _attempt(name: str, body: Callable[[], R], *, give_up_at: float) -> tuple[R, list[tuple]]:
    """Run ``body`` and commit once; whatever happens, hand the connection back as it was found."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    session = connection.connection.start_session()
    connection.session = session
    connection.in_atomic_block_mongo = True
    connection.run_on_commit = []
    try:
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        crash_points.reached(f"{name}:begin")
        result = body()
        crash_points.reached(f"{name}:before_commit")
        _commit(session, give_up_at=give_up_at)
        crash_points.reached(f"{name}:after_commit")
        return result, connection.run_on_commit
    finally:
        connection.session = None
        connection.in_atomic_block_mongo = False
        connection.nested_atomics = 0
        connection.run_on_commit = []
        # Not a limited call: a request whose time is over still has to give its locks back.
        _end(session)


def _end(session: ClientSession) -> None:
    """Let go of the session, and of the transaction where it is still open."""
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


def _run_hooks(name: str, hooks: list[tuple]) -> None:
    for _, hook, _ in hooks:
        try:
            hook()
        except Exception:
            logger.exception("a hook after a transaction failed", transaction=name)


def _has_label(error: BaseException | None, label: str) -> bool:
    """Look for the label on the error and on what caused it: the backend wraps the driver's errors."""
    while error is not None:
        if isinstance(error, PyMongoError) and error.has_error_label(label):
            return True
        error = error.__cause__
    return False
