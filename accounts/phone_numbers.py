"""Phone numbers: accepted as people paste them, kept in plain ASCII.

Not as E.164: national numbers without a country are real ones, and couriers read what the customer wrote.
"""

import re
import unicodedata

from django.core.exceptions import ValidationError

MAX_LENGTH = 30
# With all that is removed.
_LONGEST_TYPED = 100
_NUMBER = re.compile(r"\+?[0-9 ()./-]{5,30}( ext\. [0-9]{1,8})?")
# What stands before a number in signatures and links.
_LABEL = re.compile(
    r"^(?:callto|cell|handy|mobile?|mob|phone|telefono?|telephone|téléphone|tél|tel)(?![^\W\d_])[\s.:]*", re.IGNORECASE
)
_EXTENSION = re.compile(
    r"(?:[\s,;]*(?:\bextension|\bextn?|x|#|\bdurchwahl|\bdw|\bposte|\bint|\bдоб)[\s.:=]*|\s*,+\s*)([0-9]{1,8})#?$",
    re.IGNORECASE,
)
# Invisible characters, symbols such as that of a telephone, and marks on digits.
_LEFT_OUT = ("Cf", "So", "Mn", "Me")
_SPELLINGS = str.maketrans(
    {"·": ".", "•": ".", "・": ".", "\u2044": "/", "\u2215": "/", "\u2212": "-", "[": "(", "]": ")"}
)


def normalize_phone(text: str) -> str:
    """Return a number with ASCII digits, spaces and hyphens, without invisible characters. Never raises.

    An extension becomes `` ext. 12``. A number that is too long to be kept loses its punctuation.
    """
    if len(text) > _LONGEST_TYPED:
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
    """Raise Django's ``ValidationError`` unless this is a phone number in some spelling."""
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
