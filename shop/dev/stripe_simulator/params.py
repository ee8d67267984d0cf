"""A `Schema` maps names to readers.

A reader takes the decoded value and full name and returns the typed value or raises.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from .errors import malformed

Raw = str | dict[str, Any]
Reader = Callable[[Raw, str], Any]
Schema = Mapping[str, Reader]

MAX_FIELDS = 1000
MAX_DEPTH = 8
_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def decode(encoded: str) -> dict[str, Raw]:
    """Decode ``a=1&b[c]=2&d[]=3&d[]=4`` to ``{"a": "1", "b": {"c": "2"}, "d": {"0": "3", "1": "4"}}``."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise malformed("Invalid request: the body is not a valid form.") from error
    tree: dict[str, Any] = {}
    for name, value in pairs:
        match = _NAME.match(name)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else [name]
        if len(path) > MAX_DEPTH:
            raise malformed(f"Invalid request: '{path[0]}' is nested too deeply.", param=path[0])
        _put(tree, path, value)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    node = tree
    for key in path[:-1]:
        child = node.setdefault(key or str(len(node)), {})
        if not isinstance(child, dict):
            raise malformed("Invalid object", param=path[0])
        node = child
    leaf = path[-1] or str(len(node))
    if isinstance(node.get(leaf), dict):
        raise malformed("Invalid object", param=path[0])
    node[leaf] = value


def read(schema: Schema, raw: Mapping[str, Raw], required: tuple[str, ...] = (), prefix: str = "") -> dict[str, Any]:
    unknown = [_full(prefix, name) for name in raw if name not in schema]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise malformed(message, code="parameter_unknown", param=unknown[0])
    for name in required:
        if name not in raw:
            full = _full(prefix, name)
            raise malformed(f"Missing required param: {full}.", code="parameter_missing", param=full)
    return {name: schema[name](value, _full(prefix, name)) for name, value in raw.items()}


def _full(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _text(raw: Raw, param: str) -> str:
    if not isinstance(raw, str):
        raise malformed(f"Invalid string: {param} must be a string, not an object.", param=param)
    if raw == "":
        raise malformed(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a "
            "non-empty value.",
            code="parameter_invalid_empty",
            param=param,
        )
    return raw


def string(max_length: int = 5000) -> Reader:
    def reader(raw: Raw, param: str) -> str:
        text = _text(raw, param)
        if len(text) > max_length:
            raise malformed(f"Invalid string: {text[:20]}...; must be at most {max_length} characters", param=param)
        return text

    return reader


def integer(minimum: int | None = None, maximum: int | None = None) -> Reader:
    def reader(raw: Raw, param: str) -> int:
        text = _text(raw, param)
        # `int()` would also accept "1_000", " 7 " and other scripts.
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise malformed(f"Invalid integer: {text[:50]}", code="parameter_invalid_integer", param=param)
        number = int(text)
        for bound, wrong, side in ((minimum, lambda n, b: n < b, "greater"), (maximum, lambda n, b: n > b, "less")):
            if bound is not None and wrong(number, bound):
                message = f"This value must be {side} than or equal to {bound}."
                raise malformed(message, code="parameter_invalid_integer", param=param)
        return number

    return reader


def boolean(raw: Raw, param: str) -> bool:
    text = _text(raw, param)
    if text not in ("true", "false"):
        raise malformed(f"Invalid boolean: {text[:50]}", param=param)
    return text == "true"


def choice(*options: str) -> Reader:
    def reader(raw: Raw, param: str) -> str:
        text = _text(raw, param)
        if text not in options:
            raise malformed(f"Invalid {param}: must be one of {', '.join(options)}", param=param)
        return text

    return reader


def email(raw: Raw, param: str) -> str:
    text = _text(raw, param)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise malformed(f"Invalid email address: {text[:100]}", code="email_invalid", param=param)
    return text


def nullable(reader: Reader) -> Reader:
    """Let an empty string unset the value."""
    return lambda raw, param: None if raw == "" else reader(raw, param)


def record(schema: Schema, required: tuple[str, ...] = ()) -> Reader:
    def reader(raw: Raw, param: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise malformed("Invalid object", param=param)
        return read(schema, raw, required, prefix=param)

    return reader


def array(item: Reader) -> Reader:
    """Read ``name[]=…`` or ``name[0]=…``."""

    def reader(raw: Raw, param: str) -> list[Any]:
        if not isinstance(raw, dict) or not all(key.isascii() and key.isdigit() for key in raw):
            raise malformed("Invalid array", param=param)
        return [item(raw[key], f"{param}[{key}]") for key in sorted(raw, key=int)]

    return reader


def refused(why: str) -> Reader:
    def reader(_raw: Raw, param: str) -> Any:
        raise malformed(f"The simulator does not support '{param}': {why}", param=param)

    return reader


def metadata(raw: Raw, param: str) -> dict[str, str]:
    """Read pairs as sent; ``""`` clears all."""
    if raw == "":
        return {"": ""}
    if not isinstance(raw, dict):
        raise malformed("Invalid object", param=param)
    for key, value in raw.items():
        full = f"{param}[{key}]"
        if not isinstance(value, str):
            raise malformed("Invalid string: metadata values must be strings.", param=full)
        for what, text, limit in (("keys", key, 40), ("values", value, 500)):
            if len(text) > limit:
                raise malformed(
                    f"Metadata {what} can have up to {limit} characters. You passed in a {what[:-1]} that is "
                    f"{len(text)} characters. Invalid value: {text[:60]}",
                    param=full,
                )
    return raw


def merge_metadata(current: Mapping[str, str], sent: Mapping[str, str]) -> dict[str, str]:
    """Merge at most 50 keys; an empty value removes one."""
    if sent == {"": ""}:
        return {}
    merged = {key: value for key, value in {**current, **sent}.items() if value != ""}
    if len(merged) > 50:
        raise malformed(f"Metadata can have up to 50 keys. You have {len(merged)} keys.", param="metadata")
    return merged


EXPAND = array(string())
CREATED = {bound: integer(minimum=0) for bound in ("gt", "gte", "lt", "lte")}


def created(raw: Raw, param: str) -> dict[str, int]:
    """Read ``created=…`` or ``created[gte]=…``; return a range."""
    if isinstance(raw, str):
        moment = integer(minimum=0)(raw, param)
        return {"gte": moment, "lte": moment}
    return read(CREATED, raw, prefix=param)


PAGE: Schema = {
    "created": created,
    "limit": integer(minimum=1, maximum=100),
    "starting_after": string(),
    "ending_before": string(),
    "expand": EXPAND,
}
"""What every list endpoint takes."""
