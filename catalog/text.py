"""Text as it is compared, sorted and searched: folded characters, words, and compounds such as "T-shirt"."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import snowballstemmer
from anyascii import anyascii

# Scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, Hiragana, Katakana and Han, with their marks.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u104a-\u109f\ua9e0-\ua9fe\uaa60-\uaa7f"
    "\u1780-\u17d3\u17dc-\u17dd\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_APOSTROPHES = "'’‘‛ʼʻʽʹ′‵`´＇ꞌՙ՚׳"
_HYPHENS = "-‐‑‒–−﹣－"
# Soft hyphens, joiners and the like; and signs that would become letters of the word before them.
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_SIGNS = "™℠"
_UNIFIED = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_HYPHENS, "-") | dict.fromkeys(_SIGNS, " ")
    # Deleted.
    | dict.fromkeys(_INVISIBLE, None)
)  # fmt: skip
# Parts of one word: a full stop or an ampersand is a part of abbreviations only.
_JOINER = r"(?:[-'_]|(?<=[a-z])[.&](?=[a-z]))"
_TOKEN = re.compile(f"[{_UNSPACED}]+|[a-z0-9]+(?:{_JOINER}[a-z0-9]+)*")
_PART = re.compile("[a-z0-9]+")
_NUMBER_AND_LETTERS = re.compile(r"([0-9]+)((?!(?:st|nd|rd|th)\Z)[a-z]+)|([a-z]+)([0-9]+)")
_POSSESSIVE = re.compile(r"'s\b")
# The ones that Lucene leaves out of English texts.
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with".split()
)
# Longer words are cut, as SKUs are not: they have at most that many characters.
LONGEST_WORD = 64
# Compounds of more parts than that are only found by their parts.
_MAX_PARTS = 6
# Of two words beside each other, one of them so short, the two may be written as one: "T shirt", "Wi Fi", "5 l".
_SHORT = 2


class _Folding(dict):
    """A table for ``str.translate`` that is filled with the characters that come up."""

    # Characters up to here are remembered; there are many more, and anyone may send them.
    last_kept = 0x2FFF

    def __missing__(self, code: int) -> str:
        folded = self.fold(chr(code))
        if code <= self.last_kept:
            self[code] = folded
        return folded

    def fold(self, character: str) -> str:
        raise NotImplementedError


def _ascii(character: str) -> str:
    return "".join(filter(str.isalnum, anyascii(character).lower()))


class _LatinFolding(_Folding):
    def fold(self, character: str) -> str:
        if unicodedata.combining(character):
            return ""
        is_latin = not character.isascii() and unicodedata.name(character, "").startswith("LATIN")
        return _ascii(character) if is_latin else character


class _SearchFolding(_Folding):
    def fold(self, character: str) -> str:
        if character.isascii() or _IS_UNSPACED.match(character):
            return character
        return _ascii(character) if unicodedata.category(character)[0] in "LMN" else " "


_latin, _searched = _LatinFolding(), _SearchFolding()


def normalised(text: str) -> str:
    """Return the text in lower case, without accents and with ASCII letters for other Latin ones: as it is sorted."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return decomposed.translate(_latin)


def in_ascii(text: str) -> str:
    """Return the text with its letters of any script in ASCII, as addresses have them; symbols are left alone."""
    return "".join(
        anyascii(character) if unicodedata.category(character)[0] in "LMN" else character
        for character in unicodedata.normalize("NFC", text)
    )


def folded(text: str) -> str:
    """Return the text as it is searched: lower case, in ASCII but for scripts without spaces."""
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.translate(_UNIFIED)).casefold())
    return composed.translate(_searched)


def without_possessives(text: str) -> str:
    """Return a folded text with "men" for "men's"."""
    return _POSSESSIVE.sub("", text)


def is_unspaced(word: str) -> bool:
    """Tell whether this is not a word but a run of characters of a script without spaces."""
    return not word.isascii()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    # One stemmer a word: it keeps what it works on in itself, and threads would share it.
    return snowballstemmer.stemmer("english").stemWord(word)


class Compound(NamedTuple):
    """Words of a text, from ``first`` to ``last``, that may be written as one."""

    first: int
    last: int
    text: str
    stem: str


class Words(NamedTuple):
    """The words of a text in order, runs of scripts without spaces among them, and what they may be joined to."""

    words: list[str]
    compounds: list[Compound]
    # The places of words that stand alone, not in a compound with a hyphen or the like.
    alone: frozenset[int]

    def compound(self, first: int, last: int) -> Compound | None:
        """Return the words from ``first`` to ``last`` as one, or None if that is too long for one."""
        words = self.words[first : last + 1]
        text = "".join(words)
        if len(text) > LONGEST_WORD or any(map(is_unspaced, words)):
            return None
        # Not the stem of all of it: the one of "shirts" for "SHIRT-S" would be "shirt".
        return Compound(first, last, text, text[: len(text) - len(words[-1])] + stem(words[-1]))


def words_of(text: str, *, pairs: bool) -> Words:
    """Return the words of a folded text; with ``pairs``, short ones beside each other may be compounds as well."""
    found = Words([], [], frozenset())
    words, alone = found.words, set()
    places: list[tuple[int, int]] = []
    for token in _TOKEN.findall(text):
        first = len(words)
        if is_unspaced(token):
            words.append(token)
            continue
        parts = _PART.findall(token)
        for part in parts:
            start = len(words)
            words.extend(_apart(part))
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


def _apart(part: str) -> list[str]:
    """Return "50" and "ml" for "50ml"."""
    if (match := _NUMBER_AND_LETTERS.fullmatch(part)) is None:
        return [part[:LONGEST_WORD]]
    return [piece[:LONGEST_WORD] for piece in match.groups() if piece]


def _may_join(word: str, following: str) -> bool:
    return min(len(word), len(following)) <= _SHORT and not {word, following} & STOP_WORDS
