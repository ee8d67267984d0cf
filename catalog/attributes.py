"""Limits and validation of attributes and options."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from shop.db import identifiers

ATTRIBUTE_NAME = r"[a-z][a-z0-9_]{0,39}"
MAX_ATTRIBUTES = 30
MAX_OPTION_VALUES = 100
# Between values in the admin and in files.
OPTION_SEPARATOR = "|"


def validate_attributes(attributes: Any) -> None:
    """Validate an object such as ``{"colour": "red"}``."""
    if not isinstance(attributes, dict):
        raise ValidationError('Must be an object of names and strings, such as {"colour": "red"}.', code="invalid")
    if len(attributes) > MAX_ATTRIBUTES:
        raise ValidationError(f"At most {MAX_ATTRIBUTES} attributes.", code="too_many")
    name_ok = RegexValidator(rf"^{ATTRIBUTE_NAME}\Z", code="invalid_name")
    name_ok.message = "A name is at most 40 lower-case letters, digits and _, starting with a letter."
    for name, value in attributes.items():
        name_ok(name)
        if not isinstance(value, str) or len(value) > 200 or "\0" in value or not identifiers.key(value):
            raise ValidationError("A value is a string of 1 to 200 characters.", code="invalid_value")


def validate_option_order(options: Any) -> None:
    """Validate a list such as ``[{"name": "size", "values": ["S", "M"]}]``."""
    if not isinstance(options, list) or not all(
        isinstance(each, dict) and set(each) == {"name", "values"} and isinstance(each["values"], list)
        for each in options
    ):
        raise ValidationError('Must be a list such as [{"name": "size", "values": ["S", "M"]}].', code="invalid")
    for each in options:
        if not isinstance(each["name"], str) or not 0 < len(each["values"]) <= MAX_OPTION_VALUES:
            raise ValidationError(f"A name with 1 to {MAX_OPTION_VALUES} values.", code="invalid")
        for value in each["values"]:
            validate_attributes({each["name"]: value})
            if OPTION_SEPARATOR in value:
                raise ValidationError(f"A value must not contain {OPTION_SEPARATOR}.", code="invalid_value")
        if len({identifiers.key(value) for value in each["values"]}) < len(each["values"]):
            raise ValidationError(f"A value of “{each['name']}” occurs twice.", code="duplicate_value")
    validate_attributes({each["name"]: "x" for each in options})
    if len({each["name"] for each in options}) < len(options):
        raise ValidationError("An option occurs twice.", code="duplicate_name")
