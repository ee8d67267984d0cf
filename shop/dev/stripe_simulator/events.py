import json
import sqlite3
import time
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from .store import Object, Store, new_id

API_VERSION = "2026-10-28.endive"
"""The version that the installed SDK pins; a test compares the two."""

KEPT_SECONDS = 30 * 24 * 3600
"""Events can be retrieved and listed for thirty days."""


@dataclass(slots=True)
class DeliveryRule:
    """``mode``: ``hold`` until `release`; ``lose``: never send; ``off``: no endpoint. ``delay``: seconds.

    ``types``: names or patterns (``charge.*``). ``times``: number of events, then normal.
    """

    mode: Literal["normal", "hold", "lose", "off"] = "normal"
    copies: int = 1
    concurrently: bool = False
    delay: float = 0.0
    types: list[str] = field(default_factory=list)
    times: int | None = None

    def covers(self, event_type: str) -> bool:
        return self.times != 0 and (not self.types or any(fnmatchcase(event_type, each) for each in self.types))


def record(
    store: Store,
    event_type: str,
    subject: Object,
    *,
    previous: Object | None = None,
    request: Object | None = None,
    api_version: str = API_VERSION,
) -> Object:
    data: Object = {"object": subject}
    if previous:
        data["previous_attributes"] = previous
    event = {
        "id": new_id("evt"),
        "object": "event",
        "account": None,
        "api_version": api_version,
        "created": int(time.time()),
        "data": data,
        "livemode": False,
        "pending_webhooks": 1 if store.setting("webhook_url") else 0,
        "request": request or {"id": None, "idempotency_key": None},
        "type": event_type,
    }
    store.insert(event)
    enqueue(store, event)
    return event


def enqueue(store: Store, event: Object) -> None:
    rule = DeliveryRule(**store.setting("delivery_rule", {}))
    if not rule.covers(event["type"]):
        rule = DeliveryRule()
    elif rule.times is not None:
        rule.times -= 1
        store.set("delivery_rule", asdict(rule))
    if rule.mode == "off" or not store.setting("webhook_url"):
        return
    state = {"normal": "pending", "hold": "held", "lose": "lost"}[rule.mode]
    for _ in range(rule.copies):
        add_delivery(store, event, state=state, delay=rule.delay, concurrent=rule.concurrently)


def add_delivery(
    store: Store, event: Object, *, state: str = "pending", delay: float = 0.0, concurrent: bool = False
) -> int:
    due = time.time() + delay
    rows = store.rows(
        "INSERT INTO deliveries (event, type, state, due, concurrent, attempts) VALUES (?,?,?,?,?,'[]') RETURNING id",
        event["id"],
        event["type"],
        state,
        due,
        concurrent,
    )
    return rows[0]["id"]


def signing_secrets(store: Store) -> list[str]:
    """Return active secrets, newest first."""
    known: list[Object] = store.setting("webhook_secrets", [])
    return [each["secret"] for each in known if each["expires"] is None or each["expires"] > time.time()]


def rotate_secret(store: Store, new: str, overlap_seconds: float) -> None:
    expires = time.time() + overlap_seconds
    current: list[Object] = store.setting("webhook_secrets", [])
    kept = [{**each, "expires": each["expires"] or expires} for each in current]
    store.set("webhook_secrets", [{"secret": new, "expires": None}, *kept[:1]])


def as_json(row: sqlite3.Row) -> Object:
    return {
        "id": row["id"],
        "event": row["event"],
        "type": row["type"],
        "state": row["state"],
        "due": row["due"],
        "attempts": json.loads(row["attempts"]),
    }
