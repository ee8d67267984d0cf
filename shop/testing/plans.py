"""What MongoDB does for a command: the stages of its plan, and how much it looks at."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from shop.testing.commands import Command


def stages_of(command: Command) -> set[str]:
    """The stages of the plan that wins for an aggregation as it was sent."""
    plan = _explained(command, "queryPlanner")
    winning = [each["queryPlanner"]["winningPlan"] for each in _cursors(plan)]
    return {*_stages(winning), *_stages(plan.get("stages", [])[1:])}


def keys_and_documents(command: Command) -> tuple[int, int]:
    """How many keys of indexes, and how many documents, an aggregation looks at."""
    totals = [each["executionStats"] for each in _cursors(_explained(command, "executionStats"))]
    return sum(each["totalKeysExamined"] for each in totals), sum(each["totalDocsExamined"] for each in totals)


def _explained(command: Command, verbosity: str) -> dict[str, Any]:
    asked = {"aggregate": command.collection, "pipeline": command.document["pipeline"], "cursor": {}}
    return connection.database.command("explain", asked, verbosity=verbosity)


def _cursors(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """One cursor runs all of it, or the first stages."""
    return [plan if "queryPlanner" in plan else plan["stages"][0]["$cursor"]]


def _stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        yield from (name for name in ("$sort", "$group", "$lookup") if name in plan)
        for value in plan.values():
            yield from _stages(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _stages(value)
