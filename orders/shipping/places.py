"""Places that a shipping zone covers: countries, states (``US-HI``) and postal codes (``DE 25980..25999``)."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from django.core.exceptions import ValidationError

from accounts.models import COUNTRY_CODES
from accounts.subdivisions import is_known_state, lineage, normalize_state

# How closely a place matches an address; the greatest wins.
Closeness = tuple[int, int]
EVERYWHERE, COUNTRY, STATE, POSTAL_CODE = range(4)


class Place(NamedTuple):
    country: str
    state: str
    postal_code: str


_STATE = re.compile(r"([A-Za-z]{2})[-\s]\s*(\S.*)", re.ASCII)
_POSTAL_CODES = re.compile(r"([A-Za-z]{2})[-\s]\s*([^.*]+?)\s*(?:\.{2,3}\s*([^.*]+)|(\*))?", re.ASCII)


def normalize_postal_code(country: str, text: str) -> str:
    """Return upper-case letters and digits, full-width ones converted; of US ZIP+4 codes the first five."""
    code = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).upper()))
    return code[:5] if country == "US" else code


@dataclass(frozen=True)
class PostalCodes:
    """A code, all codes with a prefix, or a range of codes or of their beginnings, ends included."""

    country: str
    first: str
    last: str
    is_prefix: bool = False

    def closeness(self, code: str) -> int | None:
        """Return how many characters of a normalized code are given, or None for another code."""
        length = len(self.first)
        if not (self.first <= code[:length] <= self.last) or len(code) < length:
            return None
        if self.first == self.last and not self.is_prefix:
            return length + 1 if code == self.first else None
        same = next((at for at in range(length) if self.first[at] != self.last[at]), length)
        return same


def parse_country(text: str) -> str:
    """Raises ``ValidationError``."""
    code = text.strip().upper()
    if code not in COUNTRY_CODES:
        raise ValidationError(f"“{text}” is no two-letter ISO 3166 country code, such as DE.", code="invalid")
    return code


def parse_state(text: str) -> str:
    """Return ``US-HI`` for ``US Hawaii`` too. Raises ``ValidationError``."""
    found = _STATE.fullmatch(text.strip())
    if found:
        country = parse_country(found[1])
        state = normalize_state(country, found[2])
        if is_known_state(country, state):
            return f"{country}-{state}"
    raise ValidationError(f"“{text}” is no ISO 3166-2 code of a state, such as US-HI.", code="invalid")


@lru_cache(maxsize=20_000)
def parse_postal_codes(text: str) -> PostalCodes:
    """Raises ``ValidationError``."""
    found = _POSTAL_CODES.fullmatch(text.strip())
    if not found:
        raise ValidationError(
            f"“{text}” is no postal code, such as DE 27498, GB BT* or US 96701..96898.", code="invalid"
        )
    country = parse_country(found[1])
    first = normalize_postal_code(country, found[2])
    last = normalize_postal_code(country, found[3]) if found[3] else first
    if not first or len(first) != len(last) or first > last:
        raise ValidationError(f"“{text}”: both ends of a range need the same length, the lower first.", code="range")
    return PostalCodes(country=country, first=first, last=last, is_prefix=bool(found[4]))


def written_postal_codes(text: str) -> str:
    """Return one spelling of ``de 25980 ... 25999``. Raises ``ValidationError``."""
    codes = parse_postal_codes(text)
    written = f"{codes.country} {codes.first}"
    if codes.is_prefix:
        return f"{written}*"
    return written if codes.first == codes.last else f"{written}..{codes.last}"


def closeness_of_state(states: list[str], country: str, state: str) -> Closeness | None:
    """A province is closer than the region that contains it."""
    regions = lineage(country, state)
    for outer, code in enumerate(regions):
        if f"{country}-{code}" in states:
            return (STATE, -outer)
    return None
