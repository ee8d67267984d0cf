"""Signed webhook deliveries, retried until a 2xx."""

import hashlib
import hmac
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from . import events
from .store import Object, Store

_LONGEST_PAUSE = 60.0
_TURN = (
    "(turn IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.turn < deliveries.turn AND d.state = 'pending' "
    "AND d.attempts = '[]'))"
)
"""A released delivery waits for the first attempt of those released before it."""


def sign(body: bytes, secrets: list[str], timestamp: int) -> str:
    """Return ``Stripe-Signature``, with a ``v1`` per secret."""
    signed = f"{timestamp}.".encode() + body
    digests = [hmac.new(each.encode(), signed, hashlib.sha256).hexdigest() for each in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={digest}" for digest in digests)])


def body_of(event: Object) -> bytes:
    """Indent as Stripe does, so that signatures of a re-encoded body fail."""
    return json.dumps(event, indent=2).encode()


class Courier:
    def __init__(
        self, store: Store, *, workers: int = 4, timeout: float = 10.0, first_retry: float = 1.0, attempts: int = 25
    ) -> None:
        """``timeout``: seconds per attempt; ``first_retry``: seconds, doubled each time."""
        self._store = store
        self._timeout = timeout
        self._first_retry = first_retry
        self._attempts = attempts
        self._under_way: dict[int, str] = {}
        self._closing = False
        self._threads = [threading.Thread(target=self._work, name=f"webhooks-{n}", daemon=True) for n in range(workers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        with self._store.changed:
            self._closing = True
            self._store.changed.notify_all()
        for thread in self._threads:
            thread.join(self._timeout + 1)

    def idle(self) -> bool:
        """Return whether no delivery is pending; ignore held ones."""
        return not self._under_way and not self._store.rows("SELECT 1 FROM deliveries WHERE state = 'pending' LIMIT 1")

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            delivery, event, url, secrets = taken
            outcome = self._post(url, event, secrets) if url else "no webhook URL"
            self._note(delivery, outcome)

    def _take(self) -> tuple[int, Object, str, list[str]] | None:
        """Wait for a due delivery and claim it; None after `close`."""
        with self._store.changed:
            while not self._closing:
                pause = 1.0
                waiting = self._store.rows(
                    f"SELECT id, event, due, concurrent FROM deliveries WHERE state = 'pending' AND {_TURN} "  # noqa: S608
                    "ORDER BY due, id LIMIT 50"
                )
                for row in waiting:
                    busy = row["id"] in self._under_way or (
                        not row["concurrent"] and row["event"] in self._under_way.values()
                    )
                    if busy:
                        continue
                    if row["due"] > time.time():
                        pause = min(pause, row["due"] - time.time())
                        break
                    self._under_way[row["id"]] = row["event"]
                    url = self._store.setting("webhook_url") or ""
                    event = self._store.find(row["event"]) or {}
                    return row["id"], event, url, events.signing_secrets(self._store)
                self._store.changed.wait(max(pause, 0.001))
        return None

    def _post(self, url: str, event: Object, secrets: list[str]) -> int | str:
        """Return the HTTP status or an error."""
        body = body_of(event)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, secrets, int(time.time())),
            "Connection": "close",
        }
        try:
            target = urlsplit(url)
            secure = target.scheme == "https"
            make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            connection = make(target.hostname or "", target.port, timeout=self._timeout)
            try:
                path = (target.path or "/") + (f"?{target.query}" if target.query else "")
                connection.request("POST", path, body, headers)
                return connection.getresponse().status
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"{type(error).__name__}: {error}"[:200]

    def _note(self, delivery: int, outcome: int | str) -> None:
        """Schedule a retry after a failure."""
        with self._store.transaction():
            del self._under_way[delivery]
            found = self._store.rows("SELECT attempts FROM deliveries WHERE id = ?", delivery)
            if not found:
                return
            attempts = [*json.loads(found[0]["attempts"]), {"at": time.time(), "outcome": outcome}]
            delivered = isinstance(outcome, int) and 200 <= outcome < 300
            state = "delivered" if delivered else "pending" if len(attempts) < self._attempts else "given_up"
            pause = min(self._first_retry * 2 ** min(len(attempts) - 1, 10), _LONGEST_PAUSE)
            self._store.rows(
                "UPDATE deliveries SET state = ?, due = ?, attempts = ? WHERE id = ?",
                *(state, time.time() + pause, json.dumps(attempts), delivery),
            )
