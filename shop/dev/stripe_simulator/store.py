"""Each API call is one transaction: objects, events, deliveries and stored answer."""

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
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))


class Store:
    """One connection and lock, not held during requests to other processes."""

    def __init__(self, file: Path | None = None) -> None:
        """Raises `sqlite3.OperationalError` if another simulator uses the file."""
        self.changed = threading.Condition(threading.RLock())
        self._database = sqlite3.connect(
            str(file or ":memory:"), check_same_thread=False, isolation_level=None, timeout=1
        )
        self._database.row_factory = sqlite3.Row
        # Two simulators would both deliver every webhook. A killed process leaves no lock.
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        # Only a crash of the machine could lose commits.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._depth = 0

    def close(self) -> None:
        with self.changed:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; nested blocks join the outer transaction."""
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
        with self.changed:
            return self._database.execute(sql, values).fetchall()

    def clear(self) -> None:
        with self.transaction():
            for table in _TABLES:
                self.rows(f"DELETE FROM {table}")  # noqa: S608

    def insert(self, body: Object, **hidden: Any) -> Object:
        """``hidden``: data that the API never shows."""
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
        merged = {**self.hidden(body["id"]), **hidden}
        self.rows(
            "UPDATE objects SET body = ?, hidden = ? WHERE id = ?", json.dumps(body), json.dumps(merged), body["id"]
        )
        return body

    def delete(self, object_id: str) -> None:
        self.rows("DELETE FROM objects WHERE id = ?", object_id)

    def find(self, object_id: str, kind: str | None = None) -> Object | None:
        found = self.rows("SELECT body, kind FROM objects WHERE id = ?", object_id)
        return json.loads(found[0]["body"]) if found and kind in (None, found[0]["kind"]) else None

    def hidden(self, object_id: str) -> Object:
        return json.loads(self.rows("SELECT hidden FROM objects WHERE id = ?", object_id)[0]["hidden"])

    def related(self, kind: str, *, payment_intent: str | None = None, charge: str | None = None) -> list[Object]:
        """Return matching objects, newest first."""
        conditions, values = ["kind = ?"], [kind]
        for column, value in (("payment_intent", payment_intent), ("charge", charge)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        return self.select(conditions, values)

    def select(
        self, conditions: list[str], values: list[Any], *, limit: int = -1, oldest: bool = False
    ) -> list[Object]:
        """``conditions``: trusted SQL with ``?``. Newest first by default."""
        order = "ASC" if oldest else "DESC"
        where = " AND ".join(conditions)
        found = self.rows(f"SELECT body FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?", *values, limit)  # noqa: S608
        return [json.loads(row["body"]) for row in found]

    def position(self, object_id: str, kind: str) -> int | None:
        found = self.rows("SELECT seq FROM objects WHERE id = ? AND kind = ?", object_id, kind)
        return found[0]["seq"] if found else None

    def setting(self, name: str, default: Any = None) -> Any:
        found = self.rows("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(found[0]["value"]) if found else default

    def set(self, name: str, value: Any) -> None:
        self.rows("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    def schedule(self, seconds: float, action: str, object_id: str) -> None:
        self.rows("INSERT INTO later (due, action, object) VALUES (?, ?, ?)", time.time() + seconds, action, object_id)
