"""Words by which staff find an order, stored with it in one indexed array: a search matches their beginnings."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bson import Regex

from catalog.text import LONGEST_WORD, folded
from shop.jobs.email_addresses import normalize_email

if TYPE_CHECKING:
    from orders.models import Order, PostalAddress

# The first of an order, in the order of `_words`.
MAX_WORDS = 120
# Limit of a search.
MAX_SEARCHED = 6

_PART = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"[+(]?[\d\s()/.-]*")
_SHORTEST_NUMBER = 5
_CALLING_CODE = range(1, 4)


def of(order: "Order") -> list[str]:
    return list(dict.fromkeys(_words(order)))[:MAX_WORDS]


def _words(order: "Order") -> Iterator[str]:
    yield from _of_text(order.number)
    if order.email:
        yield order.email[:LONGEST_WORD]
    for address in (order.shipping_address, order.billing_address):
        if address:
            yield from _of_address(address)
    for line in order.lines:
        yield _joined(line.sku)
    for text in (*order.tags, *(line.name for line in order.lines), order.note, *(note.text for note in order.notes)):
        yield from _of_text(text)


def _of_address(address: "PostalAddress") -> Iterator[str]:
    for text in (address.name, address.company, address.city, address.postal_code):
        yield from _of_text(text)
    yield from _of_phone(address.phone)


def _of_text(text: str) -> Iterator[str]:
    """Yield words, and what is written together without its punctuation: "T-shirt" is also "tshirt"."""
    for token in _plain(text).split():
        parts = _PART.findall(token.replace("'", ""))
        yield from (part[:LONGEST_WORD] for part in parts)
        if "'" in token:
            yield from (part[:LONGEST_WORD] for part in _PART.findall(token))
        if len(parts) > 1:
            yield "".join(parts)[:LONGEST_WORD]


def _of_phone(phone: str) -> Iterator[str]:
    digits = _digits(phone)
    if digits:
        yield digits
    if phone.startswith("+"):
        # National numbers: calling codes have up to three digits.
        yield from (digits[length:] for length in _CALLING_CODE if len(digits) >= _SHORTEST_NUMBER + length)
    elif digits != digits.lstrip("0"):
        yield digits.lstrip("0")


def _joined(text: str) -> str:
    return "".join(_PART.findall(_plain(text)))[:LONGEST_WORD]


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, _plain(text)))


def _plain(text: str) -> str:
    return text.lower() if text.isascii() else folded(text)


def searched(text: str) -> list[tuple[str, ...]]:
    """Return the words of a search, each with its alternatives."""
    if _NUMBER.fullmatch(text) and len(digits := _digits(text)) >= _SHORTEST_NUMBER:
        # A phone number with or without spaces, its calling code and its leading zero.
        return [tuple(dict.fromkeys([digits, digits.lstrip("0") or digits]))]
    words = (normalize_email(token) if "@" in token else _joined(token) for token in text.split())
    found: list[tuple[str, ...]] = [(word[:LONGEST_WORD],) for word in dict.fromkeys(filter(None, words))]
    return found[:MAX_SEARCHED]


def beginnings(words: Iterable[str]) -> list[Regex]:
    # Not a pattern of Python, whose flags would keep MongoDB from an index range.
    return [Regex(f"^{re.escape(word)}") for word in words]
