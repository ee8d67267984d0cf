from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from . import events
from .errors import missing
from .store import Object, Store


@dataclass(frozen=True, slots=True)
class Session:
    """``request_id`` and ``idempotency_key``: None unless the shop requested the change.

    ``later_seconds``: delay of banks.
    """

    store: Store
    base_url: str
    later_seconds: float
    request_id: str | None = None
    idempotency_key: str | None = None
    publishable: bool = False

    def get(self, kind: str, object_id: str, *, param: str = "id", status: int = 404) -> Object:
        """Raises `resource_missing`: 404 for an id in the URL, 400 in a parameter."""
        found = self.store.find(object_id, kind)
        if found is None:
            raise missing(kind, object_id, param=param, status=status)
        return found

    def emit(self, event_type: str, subject: Object, previous: Object | None = None) -> Object:
        request = {"id": self.request_id, "idempotency_key": self.idempotency_key}
        return events.record(self.store, event_type, subject, previous=previous, request=request)

    def later(self, action: str, subject: Object) -> None:
        self.store.schedule(self.later_seconds, action, subject["id"])


@dataclass(slots=True)
class Account:
    store: Store
    secret_key: str
    publishable_key: str
    later_seconds: float = 2.0
    base_url: str = ""

    @contextmanager
    def session(self, **who: Any) -> Iterator[Session]:
        with self.store.transaction():
            yield Session(self.store, self.base_url, self.later_seconds, **who)
