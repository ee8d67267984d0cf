import codecs
import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from shop.api.renderers import JSONRenderer

MAX_DEPTH = 32
_INT64 = range(-(2**63), 2**63)


class StrictJSONParser(BaseParser):
    """Refuse JSON that MongoDB or Python cannot handle, with a 400."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping | None = None) -> Any:
        try:
            text = codecs.decode(stream.read(), "utf-8")
            data = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
            _inspect(data, depth=1)
        except RecursionError:
            raise ParseError("JSON parse error: nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error: {error}") from None
        return data


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("a key occurs twice in one object.")
    return data


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number.")


def _inspect(value: Any, *, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a string contains a NUL character.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("a string contains a lone surrogate.") from None
    elif isinstance(value, int):
        if value not in _INT64:
            raise ValueError("a number is larger than 64 bits.")
    elif isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise ValueError("a number is out of range.")
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply.")
        parts = value if isinstance(value, list) else (*value.keys(), *value.values())
        for part in parts:
            _inspect(part, depth=depth + 1)
