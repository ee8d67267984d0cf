"""Phone numbers in ASCII, not E.164: couriers get the customer's spelling."""

import re
import unicodedata

from django.core.exceptions import ValidationError

MAX_LENGTH = 30
# Before normalization.
MAX_TYPED_LENGTH = 100
_NUMBER = re.compile(r"\+?[0-9 ()./-]{5,30}( ext\. [0-9]{1,8})?")
_LABEL = re.compile(
    r"^(?:callto|cell|handy|mobile?|mob|phone|telefono?|telephone|téléphone|tél|tel)(?![^\W\d_])[\s.:]*", re.IGNORECASE
)
_EXTENSION = re.compile(
    r"(?:[\s,;]*(?:\bextension|\bextn?|x|#|\bdurchwahl|\bdw|\bposte|\bint|\bдоб)[\s.:=]*|\s*,+\s*)([0-9]{1,8})#?$",
    re.IGNORECASE,
)
# Categories that are dropped: invisible characters, symbols, marks on digits.
_LEFT_OUT = ("Cf", "So", "Mn", "Me")
_SPELLINGS = str.maketrans(
    {"·": ".", "•": ".", "・": ".", "\u2044": "/", "\u2215": "/", "\u2212": "-", "[": "(", "]": ")"}
)


def normalize_phone(text: str) -> str:
    """Convert to ASCII; an extension becomes `` ext. 12``. Never raises."""
    if len(text) > MAX_TYPED_LENGTH:
        return text
    plain = unicodedata.normalize("NFKC", "".join(map(_ascii, text))).translate(_SPELLINGS)
    plain = _LABEL.sub("", " ".join(plain.split())).strip()
    number, extension = plain, ""
    if found := _EXTENSION.search(plain):
        number, extension = plain[: found.start()].strip(), f" ext. {found[1]}"
    number = re.sub(r"^\((\+[0-9]+)\)", r"\1", number)
    if len(number) + len(extension) > MAX_LENGTH:
        number = re.sub(r"[ ()./-]", "", number.replace("(0)", "") if number.startswith("+") else number)
    return number + extension


def validate_phone(text: str) -> None:
    number = normalize_phone(text)
    if len(number) > MAX_LENGTH or not _NUMBER.fullmatch(number) or sum(map(str.isdigit, number)) < 3:
        raise ValidationError("Enter a phone number: digits, spaces and + ( ) . / -, and an extension.", code="invalid")


def _ascii(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    return "" if category in _LEFT_OUT else character
