from typing import Any

from django.core.exceptions import ValidationError

MAX_TAGS, LONGEST_TAG = 50, 50


def validate_tags(tags: Any) -> None:
    """Refuse commas, which separate tags in forms and files."""
    if len(tags) > MAX_TAGS:
        raise ValidationError(f"At most {MAX_TAGS} tags.", code="too_many")
    for tag in tags:
        if "," in tag or "\0" in tag:
            raise ValidationError("A tag contains no comma.", code="invalid")
