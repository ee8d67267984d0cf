import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connection
from pymongo.read_concern import ReadConcern

from shop.dev.testing.commands import Command

_WHOLE = (["[MinKey, MaxKey]"], ["[MaxKey, MinKey]"])


class Profile(NamedTuple):
    """A command's plan (``IXSCAN { email: 1 }``) and cost, as MongoDB's profiler measured them."""

    command: dict[str, Any]
    collection: str
    plan: str
    keys: int
    documents: int
    returned: int
    sorts_in_memory: bool

    @property
    def scans_collection(self) -> bool:
        return "COLLSCAN" in self.plan

    def __str__(self) -> str:
        cost = f"{self.keys} keys, {self.documents} documents, {self.returned} returned"
        return f"{self.collection}: {self.plan}, {cost}{', SORT' if self.sorts_in_memory else ''}: {self.command}"


@contextlib.contextmanager
def profiled() -> Iterator[list[Profile]]:
    """Record the commands of all threads on the test's database; the list is filled after the block."""
    database, found = connection.database, list[Profile]()
    database.command("profile", 0)
    database.drop_collection("system.profile")
    # The default is 1 MB.
    database.create_collection("system.profile", capped=True, size=32 * 1024 * 1024)
    database.command("profile", 2)
    try:
        yield found
    finally:
        database.command("profile", 0)
        rows = list(database["system.profile"].find(sort=[("ts", 1)]))
        database.drop_collection("system.profile")
    found += [_profile(row) for row in rows if "planSummary" in row]


def _profile(row: dict[str, Any]) -> Profile:
    return Profile(
        command={name: value for name, value in row["command"].items() if not name.startswith(("$", "lsid"))},
        collection=row["ns"].partition(".")[2],
        plan=row["planSummary"],
        keys=row.get("keysExamined", 0),
        documents=row.get("docsExamined", 0),
        returned=row.get("nreturned", row.get("nMatched", 0)),
        sorts_in_memory=row.get("hasSortStage", False),
    )


def stages_of(command: Command) -> set[str]:
    return {name for part in _parts(_explained(command, "queryPlanner")) for name in _names(part)}


def indexes_used(command: Command) -> set[str]:
    return {part["indexName"] for part in _parts(_explained(command, "queryPlanner")) if "indexName" in part}


class Plan(NamedTuple):
    stages: set[str]
    reads_whole_index: bool


def plans_of(command: Command) -> list[Plan]:
    """Return the plans that MongoDB considers, the best of which depends on the data; the winner is first."""
    explained = _explained(command, "queryPlanner")
    planners = [part["queryPlanner"] for part in _parts(explained) if "winningPlan" in part.get("queryPlanner", {})]
    later = {name for stage in explained.get("stages", ()) for name in _names(stage)}
    return [_plan(plan, later) for each in planners for plan in (each["winningPlan"], *each["rejectedPlans"])]


def _plan(plan: dict[str, Any], later: set[str]) -> Plan:
    parts = list(_parts(plan))
    bounds = [part["indexBounds"].values() for part in parts if "indexBounds" in part]
    whole = any(all(ranges in _WHOLE for ranges in each) for each in bounds)
    return Plan(later.union(*map(_names, parts)), whole)


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
    asked |= {name: command.document[name] for name in ("hint", "collation") if name in command.document}
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
