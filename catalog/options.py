"""A product's options, such as size and colour, are those of its active variants."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from catalog.attributes import OPTION_SEPARATOR as SEPARATOR
from catalog.attributes import validate_attributes, validate_option_order
from catalog.models import Variant
from shop.db import identifiers
from shop.db.fields import normalized_options

# [{"name": "size", "values": ["S", "M"]}]
Options = list[dict[str, Any]]


def validate_options(pairs: dict[str, str]) -> None:
    """Validate the options of a variant. Raises ``ValidationError``."""
    validate_attributes(pairs)
    if any(SEPARATOR in value for value in pairs.values()):
        raise ValidationError(f"A value must not contain {SEPARATOR}.", code="invalid_value")


def option_pair(name: str, value: str) -> str:
    return f"{name}={identifiers.key(value)}"


def ordered_options(order: Options, variants: Iterable[Variant]) -> Options:
    """Return the variants' options in the order that staff defined, others after them by position of the variants."""
    used: dict[str, dict[str, str]] = {}
    for variant in sorted(variants, key=lambda variant: (variant.position, variant.pk)):
        for name, value in variant.options.items():
            used.setdefault(name, {}).setdefault(identifiers.key(value), value)
    defined = {each["name"]: [identifiers.key(value) for value in each["values"]] for each in order}
    names = [name for name in dict.fromkeys([*defined, *used]) if name in used]
    return [
        {
            "name": name,
            "values": [
                used[name][key] for key in dict.fromkeys([*defined.get(name, ()), *used[name]]) if key in used[name]
            ],
        }
        for name in names
    ]


def combinations(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """Return what a filter by several options needs, in the order of the variants."""
    return [
        {
            "pairs": sorted(option_pair(name, value) for name, value in variant.options.items()),
            "in_stock": variant.in_stock,
        }
        for variant in variants
        if variant.options
    ]


def option_fields(order: Options, variants: Sequence[Variant]) -> dict[str, Any]:
    """Return the read model's fields. ``variants`` are the active ones by id."""
    found = combinations(variants)
    return {
        "options": ordered_options(order, variants),
        "option_pairs": sorted({pair for each in found for pair in each["pairs"]}),
        "combinations": found,
    }


def to_text(options: Options) -> str:
    """Return one line per option, such as ``size: S | M | L``."""
    return "\n".join(f"{each['name']}: {f' {SEPARATOR} '.join(each['values'])}" for each in options)


def from_text(text: str) -> Options:
    """Parse :func:`to_text`. Raises ``ValidationError``."""
    options = []
    for line in filter(str.strip, text.splitlines()):
        name, colon, values = line.partition(":")
        if not (name.strip() and colon and values.strip()):
            raise ValidationError("Enter one option per line, such as “size: S | M | L”.", code="invalid")
        options.append({"name": name.strip(), "values": [value.strip() for value in values.split(SEPARATOR)]})
    found = normalized_options(options)
    validate_option_order(found)
    return found
