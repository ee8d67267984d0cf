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

from shop.dev.fuzz import checks
from shop.dev.fuzz.results import Results

# Keep Hypothesis' database out of the project.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "shop-hypothesis"))

PHASES = ("examples", "coverage", "fuzzing", "stateful")
Progress = Callable[[int, int], None]


class Plan(NamedTuple):
    """``cases`` per operation; ``thorough`` covers the boundary values of every field.

    ``paths``: a regular expression of the paths of operations.
    """

    seed: int
    cases: int
    thorough: bool = True
    paths: str = ""

    @property
    def phases(self) -> tuple[str, ...]:
        return tuple(phase for phase in PHASES if phase != "coverage" or self.thorough)

    def config(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "generation": {"max-examples": self.cases, "database": "none"},
            "phases": {phase: {"enabled": phase in self.phases} for phase in PHASES},
            "checks": {"max_response_time": checks.PROMISED_SECONDS},
            "request-timeout": 2 * checks.PROMISED_SECONDS,
            "continue-on-failure": True,
            "auth": {"auto-signup": False},
            "cache": {"enabled": False},
            # Tokens are needed to repeat a request and expire soon.
            "output": {"sanitization": {"enabled": False}},
        }


def examine(
    description: str,
    *,
    results: Results,
    plan: Plan,
    values: dict[str, Any] | None = None,
    login: AuthProvider | None = None,
    progress: Progress = lambda done, total: None,
) -> None:
    """``description``: URL. ``values``: schemathesis' dictionaries."""
    options = plan.config() | (values or {})
    if plan.paths:
        # ``schema.include`` has no effect beside other rules for operations.
        others = {"exclude-path-regex": plan.paths, "enabled": False}
        options["operations"] = [others, *options.get("operations", ())]
    config = SchemathesisConfig.from_dict(options)
    schema = schemathesis.openapi.from_url(description, config=config)
    if login is not None:
        schema.auth.providers.append(login)

    @schema.hook
    def filter_failure(context: Any, failure: Failure, case: Case, response: Response) -> bool:
        reason = checks.excuse(failure, case, response)
        results.excused[reason] += bool(reason)
        return not reason

    # A scenario per operation and phase, and ``cases`` sequences.
    total = schema.statistic.operations.selected * (len(plan.phases) - 1) + plan.cases
    done = 0
    for event in from_schema(schema).execute():
        results.note(event)
        if isinstance(event, events.ScenarioFinished):
            done = min(done + 1, total)
            progress(done, total)
