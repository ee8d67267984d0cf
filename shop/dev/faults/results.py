import threading
from dataclasses import dataclass, field


@dataclass
class Results:
    """Thread-safe result of a scenario."""

    name: str
    # Whether 503 is valid.
    outages: bool = False
    attempted: int = 0
    acknowledged: int = 0
    server_errors: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    audit: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    rounds: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def attempt(self, count: int = 1) -> None:
        with self._lock:
            self.attempted += count

    def acknowledge(self, count: int = 1) -> None:
        with self._lock:
            self.acknowledged += count

    def answered(self, status: int, what: str) -> None:
        """A 5xx without an outage is unexpected."""
        if status < 500:
            return
        with self._lock:
            self.server_errors += 1
            if status != 503 or not self.outages:
                self.unexpected.append(f"{what} answered {status}")

    def expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.unexpected.append(otherwise)

    def note(self, text: str) -> None:
        """The text before the colon is its key."""
        beginning = text.split(":")[0]
        self.notes = [*(note for note in self.notes if note.split(":")[0] != beginning), text]

    @property
    def passed(self) -> bool:
        return self.attempted > 0 and not self.violations

    @property
    def violations(self) -> list[str]:
        kinds = {"lost": self.lost, "duplicated": self.duplicated, "unexpected": self.unexpected, "audit": self.audit}
        return [f"{kind}: {sentence}" for kind, sentences in kinds.items() for sentence in sentences]
