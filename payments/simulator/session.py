"""One unit of work: what an endpoint or the control plane sees while it changes the account."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from . import events
from .errors import missing
from .store import Object, Store


@dataclass(frozen=True, slots=True)
class Session:
    """The store inside a transaction, and who asked.

    ``request_id`` and ``idempotency_key`` end up in the events; both are None for what the shop did not ask for.
    ``publishable``: the caller is a browser with the publishable key. ``later_seconds``: how long a bank takes.
    """

    store: Store
    base_url: str
    later_seconds: float
    request_id: str | None = None
    idempotency_key: str | None = None
    publishable: bool = False

    def get(self, kind: str, object_id: str, *, param: str = "id", status: int = 404) -> Object:
        """The object, or Stripe's ``resource_missing`` (404 for an id in the URL, 400 for one in a parameter)."""
        found = self.store.find(object_id, kind)
        if found is None:
            raise missing(kind, object_id, param=param, status=status)
        return found

    def emit(self, event_type: str, subject: Object, previous: Object | None = None) -> Object:
        """Record an event about an object as it is now; returns the event."""
        request = {"id": self.request_id, "idempotency_key": self.idempotency_key}
        return events.record(self.store, event_type, subject, previous=previous, request=request)

    def later(self, action: str, subject: Object) -> None:
        """Let something happen to this object by itself, once the bank has taken its time."""
        self.store.schedule(self.later_seconds, action, subject["id"])


@dataclass(slots=True)
class Account:
    """The Stripe account being simulated: its keys and state."""

    store: Store
    secret_key: str
    publishable_key: str
    later_seconds: float = 2.0
    base_url: str = ""

    @contextmanager
    def session(self, **who: Any) -> Iterator[Session]:
        """Begin a unit of work: all of it is kept when the block ends, nothing when it raises."""
        with self.store.transaction():
            yield Session(self.store, self.base_url, self.later_seconds, **who)
