from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings

from catalog.bulk.errors import DuplicateRow
from catalog.bulk.results import Outcome, Row, refused
from shop.api.serializing import validate

MAX_ROWS = 1_000
# Of the body in the description.
LIMITS: Any = {"allow_empty": False, "max_length": MAX_ROWS}
# Fields that name the object of a row: the first that it has.
KEYS = ("id", "sku", "slug")


def read_rows(body: Any, serializer_class: type[Serializer]) -> tuple[list[Row], list[Outcome]]:
    """Return the valid rows, and the outcomes of the others. Raises ``ValidationError`` for another body."""
    if not isinstance(body, list):
        raise _refusal("Send a list of objects.", code="not_a_list")
    if not 0 < len(body) <= MAX_ROWS:
        raise _refusal(f"Send 1 to {MAX_ROWS:,} rows.", code="empty" if not body else "max_length")
    rows: list[Row] = []
    outcomes: list[Outcome] = []
    seen: set[tuple[str, Any]] = set()
    for index, data in enumerate(body):
        try:
            row = Row(index, validate(serializer_class, data, context={}))
        except ValidationError as error:
            outcomes.append(refused(Row(index, data), error))
            continue
        key = next((name, row.data[name]) for name in KEYS if name in row.data)
        if key in seen:
            outcomes.append(refused(row, DuplicateRow(attr=key[0])))
        else:
            rows.append(row)
        seen.add(key)
    return rows, outcomes


def _refusal(detail: str, *, code: str) -> ValidationError:
    return ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [detail]}, code=code)
