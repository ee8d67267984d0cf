"""Tax numbers of companies and persons, in the format of their country (by python-stdnum)."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from stdnum import get_cc_module
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError as InvalidNumber

MAX_LENGTH = 40
# Modules of stdnum for numbers that a country uses beside those of its VAT.
_KINDS = ("vat", "tin")
_OTHER_KINDS = {"BR": ("cpf",), "CA": ("gst",), "IT": ("codicefiscale",), "US": ("ein",)}


def normalize_tax_id(country: str, text: str) -> str:
    """Return ``DE136695976`` for ``136 695 976``; the text itself if the country's format is unknown.

    Raises ``ValidationError``.
    """
    number = text.strip()
    candidates = list(_candidates(country, number)) if number else []
    for module, candidate in candidates:
        try:
            return str(module.validate(candidate))
        except InvalidNumber:
            continue
    if candidates:
        raise ValidationError("This is no tax number of this country.", code="invalid_tax_id")
    return number


def _candidates(country: str, number: str) -> Iterator[tuple[Any, str]]:
    """Yield modules with the number in their spelling; one of them must accept it."""
    code = country.lower()
    if code in eu_vat.MEMBER_STATES:
        # Possibly of another member state.
        yield eu_vat, number
        yield eu_vat, f"{'EL' if country == 'GR' else country}{number}"
    elif country == "GB" and number.upper().startswith("XI"):
        # Northern Ireland.
        yield eu_vat, number
    for kind in (*_KINDS, *_OTHER_KINDS.get(country, ())):
        if (module := get_cc_module(code, kind)) is not None:
            yield module, number
