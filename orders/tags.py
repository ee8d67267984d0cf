"""Tags of orders, for staff only."""

from typing import Any

from django.core.exceptions import ValidationError

from catalog import tags

MAX_TAGS, LONGEST_TAG = 20, 40


def validate_tags(values: Any) -> None:
    tags.validate_tags(values)
    if len(values) > MAX_TAGS:
        raise ValidationError(f"At most {MAX_TAGS} tags.", code="too_many")
    if any(len(tag) > LONGEST_TAG for tag in values):
        raise ValidationError(f"A tag has at most {LONGEST_TAG} characters.", code="max_length")
