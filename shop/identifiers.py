"""One spelling for texts that identify something: SKUs, codes, slugs, attributes and options.

Sources: https://www.unicode.org/reports/tr15/ for the normal forms, and Default_Ignorable_Code_Point in
https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt for characters that no one sees.
"""

import re
import unicodedata
from collections.abc import Mapping

# They join letters and emoji, so a text that people read keeps them.
_JOINERS = "\u200c\u200d\ufe00-\ufe0f"
_NEVER_SEEN = (
    "\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_NEVER_SEEN}]")
_INVISIBLE_OR_JOINER = re.compile(f"[{_NEVER_SEEN}{_JOINERS}]")


def label(text: str) -> str:
    """Return a text that people read and compare, such as the value of an attribute, as it is stored.

    Composed (NFC), without invisible characters, and with single spaces.
    """
    return unicodedata.normalize("NFC", _single_spaces(_INVISIBLE.sub("", text)))


def code(text: str) -> str:
    """Return a text that people type to find something, such as an SKU, as it is stored; its case is kept.

    Full-width and other compatible characters become the plain ones (NFKC).
    """
    if not text.isascii():
        # Twice: full-width blanks become invisible or white space, and letters may meet that were kept apart.
        text = _INVISIBLE_OR_JOINER.sub("", unicodedata.normalize("NFKC", text))
        text = unicodedata.normalize("NFKC", _INVISIBLE_OR_JOINER.sub("", text))
    return _single_spaces(_INVISIBLE.sub("", text))


def upper_code(text: str) -> str:
    """Return a code whose case does not matter, such as a coupon's or an order's number, as it is stored."""
    return code(code(text).upper())


def slug(text: str) -> str:
    """Return a slug as it is stored."""
    return code(code(text).lower())


def key(text: str) -> str:
    """Return what two texts have in common if they identify the same thing, whatever their case."""
    return code(code(text).casefold())


def labels(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return names and values, such as ``{"colour": "Red"}``, as they are stored.

    Raises ``ValueError`` with the name if two names become one.
    """
    normalized: dict[str, str] = {}
    for name, value in pairs.items():
        name = slug(name)
        if name in normalized:
            raise ValueError(name)
        normalized[name] = label(value)
    return normalized


def keys(pairs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what names and values have in common with others that people cannot tell apart, in a steady order."""
    return tuple(sorted((name, key(value)) for name, value in pairs.items()))


def _single_spaces(text: str) -> str:
    return " ".join(text.split())
