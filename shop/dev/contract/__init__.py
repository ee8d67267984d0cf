"""The API's contract: what clients of the last release rely on, compared with the API of today."""

import gzip
import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

RELEASED = Path(__file__).parent / "released.json.gz"
ACCEPTED = Path(__file__).parent / "accepted.txt"

# What clients notice; the rest is left out to keep the file small.
_KEPT = frozenset(
    (
        *("type", "enum", "const", "properties", "required", "items", "additionalProperties"),
        *("oneOf", "anyOf", "allOf", "$ref"),
    )
)


def summary_of(description: dict[str, Any]) -> dict[str, Any]:
    """Return the operations and schemas of an OpenAPI description, without descriptions and errors."""
    shared = description["components"].get("parameters", {})
    operations = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parameters = [_resolved(each, shared) for each in operation.get("parameters", ())]
            body = operation.get("requestBody")
            operations[f"{method.upper()} {path}"] = {
                "parameters": {
                    f"{each['in']} {each['name']}": {
                        "required": each.get("required", False),
                        "schema": _stripped(each["schema"]),
                    }
                    for each in parameters
                },
                "body": body and {"required": body.get("required", False), "content": _content(body)},
                "replies": {
                    status: _content(reply)
                    for status, reply in operation["responses"].items()
                    if status.startswith("2") and "$ref" not in reply
                },
            }
    schemas = {name: _stripped(each) for name, each in description["components"]["schemas"].items()}
    return {"operations": operations, "schemas": schemas}


def _resolved(parameter: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = shared[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter
    return found


def _content(part: dict[str, Any]) -> dict[str, Any]:
    return {kind: _stripped(each.get("schema", {})) for kind, each in part.get("content", {}).items()}


def _stripped(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_stripped(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if name in _KEPT}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {name: _stripped(each) for name, each in kept["properties"].items()}
    return {name: value if name == "properties" else _stripped(value) for name, value in kept.items()}


def read_released() -> dict[str, Any]:
    released: dict[str, Any] = json.loads(gzip.decompress(RELEASED.read_bytes()))
    return released


def unaccepted(changes: Iterable[str]) -> list[str]:
    """Return the changes that no line of ``accepted.txt`` matches."""
    lines = [line.strip() for line in ACCEPTED.read_text().splitlines()]
    # Brackets are those of lists.
    patterns = [line.replace("[", "[[]") for line in lines if line and not line.startswith("#")]
    return [each for each in changes if not any(fnmatchcase(each, pattern) for pattern in patterns)]


def write_released(description: dict[str, Any]) -> None:
    content = json.dumps(summary_of(description), separators=(",", ":"), sort_keys=True).encode()
    RELEASED.write_bytes(gzip.compress(content, mtime=0))
