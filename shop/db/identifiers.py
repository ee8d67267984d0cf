"""Normal forms of codes, slugs and labels.

Sources: https://www.unicode.org/reports/tr15/, and Default_Ignorable_Code_Point in
https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt for invisible characters.
"""

import re
import unicodedata
from collections.abc import Mapping

# Part of words and emoji, so labels keep them.
_JOINERS = "\u200c\u200d\ufe00-\ufe0f"
_ALWAYS_INVISIBLE = (
    "\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# Written by word processors and phones.
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–−"), "-")
_INVISIBLE = re.compile(f"[{_ALWAYS_INVISIBLE}]")
_INVISIBLE_OR_JOINER = re.compile(f"[{_ALWAYS_INVISIBLE}{_JOINERS}]")


def label(text: str) -> str:
    """Normalize a displayed text: NFC, single spaces, no invisible characters."""
    return unicodedata.normalize("NFC", _single_spaces(_INVISIBLE.sub("", text)))


def code(text: str) -> str:
    """Normalize a typed code to NFKC and plain hyphens; keep its case."""
    if not text.isascii():
        # Twice: NFKC may produce invisible characters, and removing them may join letters.
        text = _INVISIBLE_OR_JOINER.sub("", unicodedata.normalize("NFKC", text.translate(_HYPHENS)))
        text = unicodedata.normalize("NFKC", _INVISIBLE_OR_JOINER.sub("", text))
    return _single_spaces(_INVISIBLE.sub("", text))


def upper_code(text: str) -> str:
    """Normalize a case-insensitive code."""
    return code(code(text).upper())


def slug(text: str) -> str:
    return code(code(text).lower())


def key(text: str) -> str:
    """Return a case-insensitive key."""
    return code(code(text).casefold())


def labels(pairs: Mapping[str, str]) -> dict[str, str]:
    """Normalize names and values. Raises ``ValueError`` with the name if two become equal."""
    normalized: dict[str, str] = {}
    for name, value in pairs.items():
        name = slug(name)
        if name in normalized:
            raise ValueError(name)
        normalized[name] = label(value)
    return normalized


def keys(pairs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return a key that is equal for pairs that look the same."""
    return tuple(sorted((name, key(value)) for name, value in pairs.items()))


def _single_spaces(text: str) -> str:
    return " ".join(text.split())
