"""Normalize text, and split it into words and compounds such as "T-shirt"."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import snowballstemmer
from anyascii import anyascii

# Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, Hiragana, Katakana, Han.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u104a-\u109f\ua9e0-\ua9fe\uaa60-\uaa7f"
    "\u1780-\u17d3\u17dc-\u17dd\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_APOSTROPHES = "'’‘‛ʼʻʽʹ′‵`´＇ꞌՙ՚׳"
_HYPHENS = "-‐‑‒–−﹣－"
# Soft hyphens and joiners; and signs that would become letters of the preceding word.
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_SIGNS = "™℠"
_MIDDLE_DOTS = "·‧・･"
_UNIFIED = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_HYPHENS + _MIDDLE_DOTS, "-") | dict.fromkeys(_SIGNS, " ")
    | {"×": "x"}
    | dict.fromkeys(_INVISIBLE, None)
)  # fmt: skip
# Inside a word; `.` and `&` only in abbreviations.
_JOINER = r"(?:[-'_]|(?<=[a-z])[.&](?=[a-z]))"
_TOKEN = re.compile(f"[{_UNSPACED}]+(?:-[{_UNSPACED}]+)*|[a-z0-9]+(?:{_JOINER}[a-z0-9]+)*")
_PART = re.compile("[a-z0-9]+")
_NUMBER_OR_LETTERS = re.compile("[0-9]+|[a-z]+")
_ORDINAL = re.compile("[0-9]+(?:st|nd|rd|th)")
_POSSESSIVE = re.compile(r"'s\b")
# Lucene's English stop words.
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with".split()
)
# Longer words are cut.
LONGEST_WORD = 64
# Compounds with more parts are not joined, numbers with letters not split.
_MAX_PARTS = 6
# Two words, one not longer than this, may be a compound: "T shirt".
_SHORT = 2


def _ascii(character: str) -> str:
    return "".join(filter(str.isalnum, anyascii(character).lower()))


@lru_cache(maxsize=12_000)
def _for_sorting(character: str) -> str:
    if unicodedata.combining(character):
        return ""
    is_latin = not character.isascii() and unicodedata.name(character, "").startswith("LATIN")
    return _ascii(character) if is_latin else character


@lru_cache(maxsize=12_000)
def _for_search(character: str) -> str:
    if character.isascii() or _IS_UNSPACED.match(character):
        return character
    if unicodedata.combining(character) and unicodedata.name(character, "").startswith(("HEBREW", "ARABIC")):
        # Vowel signs are rarely typed.
        return ""
    return _ascii(character) if unicodedata.category(character)[0] in "LMN" else " "


def sort_form(text: str) -> str:
    """Return the sort form: lower case, Latin letters as ASCII."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(map(_for_sorting, decomposed))


def in_ascii(text: str) -> str:
    """Transliterate letters of any script; symbols are kept."""
    return "".join(
        anyascii(character) if unicodedata.category(character)[0] in "LMN" else character
        for character in unicodedata.normalize("NFC", text)
    )


def folded(text: str) -> str:
    """Return the search form: ASCII, except for scripts without spaces."""
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.translate(_UNIFIED)).casefold())
    return "".join(map(_for_search, composed))


def without_possessives(text: str) -> str:
    """Replace "men's" by "men"."""
    return _POSSESSIVE.sub("", text)


def is_unspaced(word: str) -> bool:
    """Return whether a folded word is of a script without spaces; all others are ASCII."""
    return not word.isascii()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    # Stemmers are not thread-safe.
    return snowballstemmer.stemmer("english").stemWord(word)


class Compound(NamedTuple):
    first: int
    last: int
    text: str
    stem: str


class Words(NamedTuple):
    words: list[str]
    compounds: list[Compound]
    # Words outside of hyphenated compounds.
    alone: frozenset[int]

    def compound(self, first: int, last: int) -> Compound | None:
        words = self.words[first : last + 1]
        text = "".join(words)
        if len(text) > LONGEST_WORD or any(map(is_unspaced, words)):
            return None
        # Stem only the last part: "SHIRT-S" must not become "shirt".
        return Compound(first, last, text, text[: len(text) - len(words[-1])] + stem(words[-1]))


def words_of(text: str, *, pairs: bool) -> Words:
    """Split a folded text; with ``pairs``, adjacent short words are compounds too."""
    found = Words([], [], frozenset())
    words, alone = found.words, set()
    places: list[tuple[int, int]] = []
    for token in _TOKEN.findall(text):
        first = len(words)
        if is_unspaced(token):
            words.append(token.replace("-", ""))
            continue
        parts = _PART.findall(token)
        for part in parts:
            start = len(words)
            words.extend(_split_digits(part))
            if len(words) - start > 1:
                places.append((start, len(words) - 1))
        if len(words) - first == 1:
            alone.add(first)
        elif 1 < len(parts) <= _MAX_PARTS:
            places.append((first, len(words) - 1))
    if pairs:
        places += [
            (at, at + 1) for at in range(len(words) - 1) if {at, at + 1} <= alone and _may_join(*words[at : at + 2])
        ]
    compounds = [compound for place in places if (compound := found.compound(*place))]
    return Words(words, compounds, frozenset(alone))


def _split_digits(part: str) -> list[str]:
    """Split "50ml" into "50" and "ml"."""
    pieces = [] if _ORDINAL.fullmatch(part) else _NUMBER_OR_LETTERS.findall(part)
    return [piece[:LONGEST_WORD] for piece in (pieces if len(pieces) <= _MAX_PARTS else [part]) or [part]]


def _may_join(word: str, following: str) -> bool:
    return min(len(word), len(following)) <= _SHORT and not {word, following} & STOP_WORDS
