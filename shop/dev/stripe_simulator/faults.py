import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["refuse", "black_hole", "rate_limit", "server_error", "garbage", "lose_answer", "slow"]


@dataclass(slots=True)
class Fault:
    """Outage of the API.

    ``kind``: ``refuse`` resets the connection; ``black_hole`` never answers; ``garbage`` is not JSON; ``lose_answer``
    executes the call, then resets; ``slow`` waits ``seconds``. ``acts``: execute the call. ``stored``: the idempotency
    key keeps a ``server_error``, as at Stripe. ``times``: number of calls, None: until cleared.
    """

    kind: Kind
    times: int | None = None
    method: str | None = None
    prefix: str = "/v1/"
    seconds: float = 60.0
    acts: bool = False
    stored: bool = True
    cleared: threading.Event = field(default_factory=threading.Event, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}")
        self.acts = self.acts or self.kind in ("lose_answer", "slow")

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "cleared"}


class Faults:
    """Active outages, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        # Used up, but calls may still wait in them.
        self._spent: deque[Fault] = deque(maxlen=256)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the call's outage, if any, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.method in (None, method) and path.startswith(fault.prefix):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._faults.remove(fault)
                            self._spent.append(fault)
                    return fault
            return None

    def clear(self) -> None:
        """End all outages; slow calls are answered."""
        with self._lock:
            for fault in (*self._faults, *self._spent):
                fault.cleared.set()
            self._faults.clear()
            self._spent.clear()

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [each.as_json() for each in self._faults]
