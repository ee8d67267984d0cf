from collections.abc import Iterator
from typing import Any

from django.db import connection
from pymongo.read_concern import ReadConcern

from shop.dev.testing.commands import Command


def stages_of(command: Command) -> set[str]:
    return {name for part in _parts(_explained(command, "queryPlanner")) for name in _names(part)}


def keys_and_documents(command: Command) -> tuple[int, int]:
    """Return the numbers of examined index keys and documents."""
    explained = _explained(command, "executionStats")
    totals = [
        part["executionStats"] for part in _parts(explained) if "totalKeysExamined" in part.get("executionStats", {})
    ]
    return sum(each["totalKeysExamined"] for each in totals), sum(each["totalDocsExamined"] for each in totals)


def indexes_of_plans_kept(collection: str) -> set[str]:
    plans = connection.database.get_collection(collection, read_concern=ReadConcern("local"))
    kept = plans.aggregate([{"$planCacheStats": {}}])
    return {part["indexName"] for plan in kept for part in _parts(plan["cachedPlan"]) if "indexName" in part}


def _explained(command: Command, verbosity: str) -> dict[str, Any]:
    asked = {"aggregate": command.collection, "pipeline": command.document["pipeline"], "cursor": {}}
    if "hint" in command.document:
        asked["hint"] = command.document["hint"]
    return connection.database.command("explain", asked, verbosity=verbosity)


def _parts(explained: Any) -> Iterator[dict[str, Any]]:
    """Yield nested dictionaries except rejected plans and the command."""
    if isinstance(explained, dict):
        yield explained
        for name, value in explained.items():
            if name not in ("rejectedPlans", "command", "parsedQuery"):
                yield from _parts(value)
    elif isinstance(explained, list):
        for value in explained:
            yield from _parts(value)


def _names(part: dict[str, Any]) -> Iterator[str]:
    if isinstance(part.get("stage"), str):
        yield part["stage"]
    yield from (name for name in ("$sort", "$group", "$lookup") if name in part)
