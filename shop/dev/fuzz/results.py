from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from schemathesis.engine import Status, events
from schemathesis.engine.recorder import Interaction, ScenarioRecorder


class Finding(NamedTuple):
    check: str
    operation: str
    message: str
    request: str


@dataclass
class Results:
    person: str
    # By operation and status; 0: no answer.
    answers: dict[str, Counter[int]] = field(default_factory=dict)
    # By status, for undeclared methods.
    other_methods: Counter[int] = field(default_factory=Counter)
    # Answers by check.
    looked_at: Counter[str] = field(default_factory=Counter)
    # Accepted failures by reason.
    excused: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    # Distinct links followed between operations.
    links: int = 0

    @property
    def cases(self) -> int:
        return self.statuses.total()

    @property
    def statuses(self) -> Counter[int]:
        return sum(self.answers.values(), self.other_methods)

    @property
    def never_succeeded(self) -> list[str]:
        """Operations without any 2xx."""
        return [name for name, counts in self.answers.items() if not any(200 <= status < 300 for status in counts)]

    def find(self, check: str, operation: str, message: str, request: str = "") -> None:
        self.findings.append(Finding(check, operation, " ".join(message.split()), request))

    def note(self, event: events.EngineEvent) -> None:
        """Count an event. Raises errors that ended the run, Ctrl-C included."""
        if isinstance(event, events.ScenarioFinished):
            self._note_answers(event.recorder)
        elif isinstance(event, events.PhaseStarted) and event.payload is not None:
            self.links = event.payload.transitions_selected
        elif isinstance(event, events.NonFatalError):
            self.find("engine", event.label, f"{event.info.title}: {event.info.message}")
        elif isinstance(event, events.Interrupted):
            raise KeyboardInterrupt
        elif isinstance(event, events.FatalError):
            raise event.exception

    def _note_answers(self, recorder: ScenarioRecorder) -> None:
        for case, interaction in recorder.interactions.items():
            operation = recorder.cases[case].value.operation
            # Some cases use an undeclared method.
            own = interaction.request.method == operation.method.upper()
            counts = self.answers.setdefault(operation.label, Counter()) if own else self.other_methods
            counts[interaction.response.status_code if interaction.response else 0] += 1
            for node in recorder.checks.get(case, []):
                self.looked_at[node.name] += 1
                if node.status == Status.FAILURE:
                    failure = node.failure_info.failure
                    message = f"{failure.title}. {failure.message} → {_shown(interaction)}"
                    self.find(node.name, operation.label, message, node.failure_info.code_sample)


def _shown(interaction: Interaction) -> str:
    response = interaction.response
    return f"{response.status_code} {response.content[:300].decode(errors='replace')}" if response else "no answer"
