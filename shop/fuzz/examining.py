"""Requests drawn from a description and sent to the server that gave it, every answer held against all checks."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import schemathesis
from schemathesis.auths import AuthProvider
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.generation.case import Case

from shop.fuzz import checks
from shop.fuzz.tally import Tally

# What hypothesis keeps between runs helps nobody here, and does not lie about in the project's folder.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "shop-hypothesis"))

PHASES = ("examples", "coverage", "fuzzing", "stateful")
Progress = Callable[[int, int], None]


class Plan(NamedTuple):
    """``cases`` are drawn for each operation; a thorough run goes through all border cases of every field as well."""

    seed: int
    cases: int
    thorough: bool = True

    @property
    def phases(self) -> tuple[str, ...]:
        return tuple(phase for phase in PHASES if phase != "coverage" or self.thorough)

    def config(self) -> dict[str, Any]:
        """The plan in schemathesis' words."""
        return {
            "seed": self.seed,
            "generation": {"max-examples": self.cases, "database": "none"},
            "phases": {phase: {"enabled": phase in self.phases} for phase in PHASES},
            "checks": {"max_response_time": checks.PROMISED_SECONDS},
            "request-timeout": 2 * checks.PROMISED_SECONDS,
            "continue-on-failure": True,
            "auth": {"auto-signup": False},
            "cache": {"enabled": False},
            # The tokens are good for nothing but this run, and a request that can be sent again needs them.
            "output": {"sanitization": {"enabled": False}},
        }


def examine(
    description: str,
    *,
    tally: Tally,
    plan: Plan,
    values: dict[str, Any] | None = None,
    login: AuthProvider | None = None,
    progress: Progress = lambda done, total: None,
) -> None:
    """Send what the OpenAPI ``description`` (its address) makes of the plan, and count it in ``tally``.

    ``values`` are worth trying, in schemathesis' words; ``login`` signs the requests.
    """
    config = SchemathesisConfig.from_dict(plan.config() | (values or {}))
    schema = schemathesis.openapi.from_url(description, config=config)
    if login is not None:
        schema.auth.providers.append(login)

    @schema.hook
    def filter_failure(context: Any, failure: Failure, case: Case, response: Response) -> bool:
        reason = checks.excuse(failure, case, response)
        tally.excused[reason] += bool(reason)
        return not reason

    # One scenario for each operation and phase; of sequences of operations, as many as cases.
    total = schema.statistic.operations.total * (len(plan.phases) - 1) + plan.cases
    done = 0
    for event in from_schema(schema).execute():
        tally.note(event)
        if isinstance(event, events.ScenarioFinished):
            done = min(done + 1, total)
            progress(done, total)
