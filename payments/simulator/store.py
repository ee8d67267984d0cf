"""State: Stripe's objects, events, deliveries, idempotency keys and settings, in one SQLite database.

Everything that one API call changes is committed together (the objects, the events about them, the deliveries of those
events and the answer kept for the idempotency key), so that a simulator killed at any moment restarts with either all
of it or nothing. SQLite in memory is used in the same way when no file is named.
"""

import json
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Object = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    payment_intent TEXT, charge TEXT, type TEXT, body TEXT NOT NULL, hidden TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_intent ON objects (payment_intent);
CREATE INDEX IF NOT EXISTS objects_charge ON objects (charge);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY, created REAL NOT NULL, endpoint TEXT NOT NULL, fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, request TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, type TEXT NOT NULL, state TEXT NOT NULL,
    due REAL NOT NULL, concurrent INTEGER NOT NULL, turn INTEGER, attempts TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_state ON deliveries (state, due);
CREATE TABLE IF NOT EXISTS later (id INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, action TEXT NOT NULL,
    object TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_TABLES = ("objects", "idempotency_keys", "deliveries", "later")
_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """An id of Stripe's form, such as ``pi_3Qx…``."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))


class Store:
    """One connection behind one lock. The lock is never held while a request to another process is under way."""

    def __init__(self, file: Path | None = None) -> None:
        """Opens or creates the file; raises `sqlite3.OperationalError` if another simulator holds it."""
        self.changed = threading.Condition(threading.RLock())
        self._database = sqlite3.connect(
            str(file or ":memory:"), check_same_thread=False, isolation_level=None, timeout=1
        )
        self._database.row_factory = sqlite3.Row
        # Exclusive: two simulators on one file would each deliver every webhook. A killed process leaves no lock.
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        # Survives the death of the process; only the death of the machine could lose the last commits.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._depth = 0

    def close(self) -> None:
        with self.changed:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; commit when the block ends, roll back when it raises; then wake whoever waits for work."""
        with self.changed:
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._database.execute("COMMIT")
                self.changed.notify_all()

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Run one statement; only inside a `transaction`, or for a read under the lock it takes itself."""
        with self.changed:
            return self._database.execute(sql, values).fetchall()

    def clear(self) -> None:
        """Forget every object, event, delivery and key; settings stay."""
        with self.transaction():
            for table in _TABLES:
                self.rows(f"DELETE FROM {table}")  # noqa: S608

    # Objects

    def insert(self, body: Object, **hidden: Any) -> Object:
        """Save a new object. ``hidden`` is what the simulator knows about it and the API never shows."""
        self.rows(
            "INSERT INTO objects (id, kind, created, payment_intent, charge, type, body, hidden) "
            "VALUES (?,?,?,?,?,?,?,?)",
            body["id"],
            body["object"],
            body["created"],
            body.get("payment_intent"),
            body.get("charge"),
            body.get("type"),
            json.dumps(body),
            json.dumps(hidden),
        )
        return body

    def save(self, body: Object, **hidden: Any) -> Object:
        """Save a changed object, adding to what is hidden about it."""
        merged = {**self.hidden(body["id"]), **hidden}
        self.rows(
            "UPDATE objects SET body = ?, hidden = ? WHERE id = ?", json.dumps(body), json.dumps(merged), body["id"]
        )
        return body

    def find(self, object_id: str, kind: str | None = None) -> Object | None:
        """A copy of the object with this id (and of this kind), or None."""
        found = self.rows("SELECT body, kind FROM objects WHERE id = ?", object_id)
        return json.loads(found[0]["body"]) if found and kind in (None, found[0]["kind"]) else None

    def hidden(self, object_id: str) -> Object:
        return json.loads(self.rows("SELECT hidden FROM objects WHERE id = ?", object_id)[0]["hidden"])

    def related(self, kind: str, *, payment_intent: str | None = None, charge: str | None = None) -> list[Object]:
        """The objects of a kind that belong to an intent or a charge (all without either), newest first."""
        conditions, values = ["kind = ?"], [kind]
        for column, value in (("payment_intent", payment_intent), ("charge", charge)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        return self.select(conditions, values)

    def select(
        self, conditions: list[str], values: list[Any], *, limit: int = -1, oldest: bool = False
    ) -> list[Object]:
        """Objects that meet SQL conditions (trusted text with ``?`` in it), newest first or oldest first."""
        order = "ASC" if oldest else "DESC"
        where = " AND ".join(conditions)
        found = self.rows(f"SELECT body FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?", *values, limit)  # noqa: S608
        return [json.loads(row["body"]) for row in found]

    def position(self, object_id: str, kind: str) -> int | None:
        """The object's place in order of creation, or None."""
        found = self.rows("SELECT seq FROM objects WHERE id = ? AND kind = ?", object_id, kind)
        return found[0]["seq"] if found else None

    # Settings and what is to happen later

    def setting(self, name: str, default: Any = None) -> Any:
        found = self.rows("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(found[0]["value"]) if found else default

    def set(self, name: str, value: Any) -> None:
        self.rows("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    def schedule(self, seconds: float, action: str, object_id: str) -> None:
        """Note something that happens by itself after a while, such as a bank debit that clears."""
        self.rows("INSERT INTO later (due, action, object) VALUES (?, ?, ?)", time.time() + seconds, action, object_id)
