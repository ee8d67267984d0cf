"""How MongoDB would answer what the code under test asked: by an index, or by looking at everything."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from shop.testing.commands import Command


def _stages(plan: Any) -> Iterator[str]:
    """Names of all the stages in an explanation."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        yield from (name for name in ("$sort", "$group", "$lookup") if name in plan)
        for value in plan.values():
            yield from _stages(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _stages(value)


def explained(command: Command) -> set[str]:
    """The stages of the plan that wins for an aggregation as it was sent."""
    asked = {"aggregate": command.collection, "pipeline": command.document["pipeline"], "cursor": {}}
    plan = connection.database.command("explain", asked, verbosity="queryPlanner")
    # One cursor runs all of it, or the first stages of several.
    winning = [plan["queryPlanner"]] if "queryPlanner" in plan else [plan["stages"][0]["$cursor"]["queryPlanner"]]
    return {*_stages([each["winningPlan"] for each in winning]), *_stages(plan.get("stages", [])[1:])}
