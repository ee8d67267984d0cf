import time
from typing import Any

from .errors import invalid, malformed
from .events import KEPT_SECONDS
from .params import PAGE, Schema, array, boolean, string
from .session import Session
from .store import Object

LISTED: dict[str, tuple[str, Schema]] = {
    "payment_intents": ("payment_intent", PAGE),
    "customers": ("customer", PAGE),
    "charges": ("charge", {**PAGE, "payment_intent": string()}),
    "refunds": ("refund", {**PAGE, "payment_intent": string(), "charge": string()}),
    "disputes": ("dispute", {**PAGE, "payment_intent": string(), "charge": string()}),
    "events": ("event", {**PAGE, "type": string(), "types": array(string()), "delivery_success": boolean}),
}
"""For each collection in the API: the kind of its objects and the parameters that its list takes."""

EXPANDABLE: dict[str, frozenset[str]] = {
    "payment_intent": frozenset({"latest_charge", "payment_method"}),
    "charge": frozenset({"payment_intent"}),
    "refund": frozenset({"charge", "payment_intent", "payment_method"}),
    "dispute": frozenset({"charge", "payment_intent"}),
}

_BOUNDS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def page(session: Session, collection: str, params: dict[str, Any]) -> Object:
    kind, _ = LISTED[collection]
    conditions, values = _conditions(kind, params)
    if "starting_after" in params and "ending_before" in params:
        raise malformed("You may only specify one of these parameters: starting_after, ending_before.")
    backwards = "ending_before" in params
    for cursor, sign in (("starting_after", "<"), ("ending_before", ">")):
        if cursor in params:
            position = session.store.position(params[cursor], kind)
            if position is None:
                raise invalid(f"No such {kind}: '{params[cursor]}'", code="resource_missing", param=cursor)
            conditions.append(f"seq {sign} ?")
            values.append(position)
    limit = params.get("limit", 10)
    # One more, for ``has_more``.
    found = session.store.select(conditions, values, limit=limit + 1, oldest=backwards)
    data = found[:limit][::-1] if backwards else found[:limit]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": f"/v1/{collection}"}


def _conditions(kind: str, params: dict[str, Any]) -> tuple[list[str], list[Any]]:
    conditions, values = ["kind = ?"], [kind]
    for bound, moment in params.get("created", {}).items():
        conditions.append(f"created {_BOUNDS[bound]} ?")
        values.append(moment)
    for name in ("payment_intent", "charge"):
        if name in params:
            conditions.append(f"{name} = ?")
            values.append(params[name])
    if kind == "event":
        conditions.append("created > ?")
        values.append(int(time.time()) - KEPT_SECONDS)
        if types := [*params.get("types", []), *([params["type"]] if "type" in params else [])]:
            conditions.append("(" + " OR ".join("type GLOB ?" for _ in types) + ")")
            values.extend(types)
        if "delivery_success" in params:
            # An event is delivered when all its deliveries are.
            owed = "SELECT 1 FROM deliveries d WHERE d.event = objects.id AND d.state NOT IN ('delivered')"
            conditions.append(f"{'NOT ' if params['delivery_success'] else ''}EXISTS ({owed})")
    return conditions, values


def expand(session: Session, answer: Object, paths: list[str]) -> Object:
    """Replace ids by objects; a path is like ``data.latest_charge``."""
    for path in paths:
        nodes = [answer]
        for name in path.split("."):
            nodes = [reached for node in nodes for reached in _step(session, node, name, path)]
    return answer


def _step(session: Session, node: Object, name: str, path: str) -> list[Object]:
    if node.get("object") == "list" and name == "data":
        return node["data"]
    if name not in EXPANDABLE.get(node.get("object", ""), ()):
        raise invalid(
            f"This property cannot be expanded ({path}). You may want to try expanding a different property, "
            "or remove it from the expand parameter.",
            param="expand",
        )
    if isinstance(node[name], str):
        node[name] = session.store.find(node[name])
    return [node[name]] if node[name] else []
