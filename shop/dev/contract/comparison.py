"""Differences between two summaries of the API that break clients of the first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]
_DEEPEST = 12


@dataclass
class Shape:
    """A schema with its alternatives merged: what any of them allows, and what all of them require."""

    types: set[str] = field(default_factory=set)
    values: set[Any] | None = None
    fields: dict[str, list[Schema]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    items: list[Schema] = field(default_factory=list)


class Summary:
    def __init__(self, summary: dict[str, Any]) -> None:
        self.operations: dict[str, Any] = summary["operations"]
        self.schemas: dict[str, Schema] = summary["schemas"]

    def shape(self, *schemas: Schema) -> Shape:
        """Merge schemas of which one applies."""
        return _either([self._shape(each) for each in schemas])

    def _shape(self, schema: Schema) -> Shape:
        types = schema.get("type", ())
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        shape = Shape(
            types={types} if isinstance(types, str) else {*types},
            values=None if values is None else {each for each in values if each is not None},
            fields={name: [each] for name, each in schema.get("properties", {}).items()},
            required={*schema.get("required", ())},
            items=[schema["items"]] if "items" in schema else [],
        )
        if "$ref" in schema:
            shape = _both(shape, self._shape(self.schemas[schema["$ref"].rpartition("/")[2]]))
        for each in schema.get("allOf", ()):
            shape = _both(shape, self._shape(each))
        for name in ("oneOf", "anyOf"):
            if forms := schema.get(name):
                shape = _both(shape, self.shape(*forms))
        return shape


def _both(one: Shape, other: Shape) -> Shape:
    values = [each.values for each in (one, other) if each.values is not None]
    return Shape(
        types=one.types | other.types,
        values=set.intersection(*values) if values else None,
        fields=one.fields
        | other.fields
        | {
            name: [{"allOf": [{"anyOf": one.fields[name]}, {"anyOf": other.fields[name]}]}]
            for name in one.fields.keys() & other.fields.keys()
        },
        required=one.required | other.required,
        items=[*one.items, *other.items],
    )


def _either(shapes: list[Shape]) -> Shape:
    # Null has no values and requires nothing.
    filled = [each for each in shapes if each.types != {"null"}] or shapes
    values = [each.values for each in filled]
    merged: dict[str, list[Schema]] = {}
    for shape in filled:
        for name, each in shape.fields.items():
            merged.setdefault(name, []).extend(each)
    return Shape(
        types=set().union(*(each.types for each in shapes)),
        values=None if None in values else set().union(*(each for each in values if each is not None)),
        fields=merged,
        required=set.intersection(*(each.required for each in filled)),
        items=[item for each in filled for item in each.items],
    )


def breaking_changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return a sentence for each change that a client of ``before`` may not survive."""
    return [*_breaking_changes(Summary(before), Summary(after))]


def _breaking_changes(before: Summary, after: Summary) -> Iterator[str]:
    for name, old in before.operations.items():
        new = after.operations.get(name)
        if new is None:
            yield f"{name}: removed"
            continue
        yield from _of_parameters(name, old["parameters"], new["parameters"], before, after)
        yield from _of_bodies(name, old["body"], new["body"], before, after)
        for status, content in old["replies"].items():
            if status not in new["replies"]:
                yield f"{name}: no reply {status} any more"
                continue
            for kind, schema in content.items():
                if kind not in new["replies"][status]:
                    yield f"{name}: reply {status} is not {kind} any more"
                    continue
                shapes = before.shape(schema), after.shape(new["replies"][status][kind])
                yield from _of_replies(f"{name}: reply {status}", *shapes, before, after)


def _of_parameters(
    name: str, old: dict[str, Any], new: dict[str, Any], before: Summary, after: Summary
) -> Iterator[str]:
    for parameter in old.keys() - new.keys():
        yield f"{name}: parameter {parameter} removed"
    for parameter, described in new.items():
        where = f"{name}: parameter {parameter}"
        if parameter not in old:
            if described["required"]:
                yield f"{where} is new and required"
            continue
        if described["required"] and not old[parameter]["required"]:
            yield f"{where} is required now"
        shapes = before.shape(old[parameter]["schema"]), after.shape(described["schema"])
        yield from _of_requests(where, *shapes, before, after)


def _of_bodies(name: str, old: Any, new: Any, before: Summary, after: Summary) -> Iterator[str]:
    if new is None:
        return
    if new["required"] and not (old and old["required"]):
        yield f"{name}: body is required now"
    for kind, schema in (old or {"content": {}})["content"].items():
        if kind not in new["content"]:
            yield f"{name}: body cannot be {kind} any more"
            continue
        shapes = before.shape(schema), after.shape(new["content"][kind])
        yield from _of_requests(f"{name}: body", *shapes, before, after)


def _of_requests(where: str, old: Shape, new: Shape, before: Summary, after: Summary, depth: int = 0) -> Iterator[str]:
    if new.types and (lost := (old.types or {"any"}) - new.types - ({"integer"} if "number" in new.types else set())):
        yield f"{where} does not take {', '.join(sorted(lost))} any more"
    if new.values is not None and (old.values is None or old.values - new.values):
        lost = "other values" if old.values is None else ", ".join(sorted(map(str, old.values - new.values)))
        yield f"{where} does not take {lost} any more"
    for name in sorted(new.required - old.required):
        yield f"{where}.{name} is required now"
    for name, schemas in old.fields.items() if depth < _DEEPEST else ():
        if name not in new.fields:
            yield f"{where}.{name} removed"
            continue
        shapes = before.shape(*schemas), after.shape(*new.fields[name])
        yield from _of_requests(f"{where}.{name}", *shapes, before, after, depth + 1)
    if old.items and new.items and depth < _DEEPEST:
        shapes = before.shape(*old.items), after.shape(*new.items)
        yield from _of_requests(f"{where}[]", *shapes, before, after, depth + 1)


def _of_replies(where: str, old: Shape, new: Shape, before: Summary, after: Summary, depth: int = 0) -> Iterator[str]:
    if old.types and (added := (new.types or {"any"}) - old.types - ({"integer"} if "number" in old.types else set())):
        yield f"{where} may be {', '.join(sorted(added))} now"
    for name in sorted((old.required & old.fields.keys()) - new.required):
        if name in new.fields:
            yield f"{where}.{name} may be absent now"
    for name, schemas in old.fields.items() if depth < _DEEPEST else ():
        if name not in new.fields:
            yield f"{where}.{name} removed"
            continue
        shapes = before.shape(*schemas), after.shape(*new.fields[name])
        yield from _of_replies(f"{where}.{name}", *shapes, before, after, depth + 1)
    if old.items and new.items and depth < _DEEPEST:
        yield from _of_replies(
            f"{where}[]", before.shape(*old.items), after.shape(*new.items), before, after, depth + 1
        )
