"""Every searched word becomes a condition on the products' search terms."""

from collections.abc import Collection, Iterator
from typing import Any

from bson import Regex
from django.db.models import QuerySet
from django.utils.functional import cached_property

from catalog.models import Product
from catalog.search_terms import CATEGORY, END, LONGEST_BEGINNING, LONGEST_GRAM, NAME, SHORTEST_BEGINNING, begins_with
from catalog.text import STOP_WORDS, Compound, Words, folded, is_unspaced, stem, without_possessives, words_of
from shop.db import documents
from shop.db.caches import TTLCache

# Search terms of which a product must have one.
Forms = list[str | Regex]

# Products of a word are counted up to the first limit, and for at most the second number of words.
_COMMON, _MAX_COUNTED = 10_000, 10
# Limits a folded search: some characters fold to many.
_LONGEST_SEARCH = 300

# Products per word, up to `_COMMON`; they affect the speed, not the result.
_numbers: TTLCache[int] = TTLCache(seconds=60.0, maxsize=10_000)


class Search:
    """All words must match; the last one also matches as a prefix, a compound ("T-shirt") as one word or several.

    Stop words are ignored, except in compounds, without other words, and as a single letter at the end ("vitamin a").
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = _parsed(text)
        words, alone = self._found.words, self._found.alone
        self._is_one_token = len(text.split()) == 1 and all(map(str.isascii, words))
        self._last = len(words) - 1
        # In "lamp with a" the letter may be the beginning of a word that is still being typed.
        letter = self._last if len((words or [""])[-1]) == 1 and not {*words[-2:-1]} & STOP_WORDS else -1
        ignored = {at for at, word in enumerate(words) if at in alone and word in STOP_WORDS and at != letter}
        self._ignored = ignored if len(ignored) < len(words) else set()

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """Return filters that must all match. May query word counts."""
        return [{"search_beginnings": {"$in": forms}} for forms in self._rarest_first]

    def forms_of_words(self) -> dict[str, Forms]:
        """Return the words that are not ignored, without those of scripts without spaces, and their forms."""
        words = self._found.words
        searched = [at for at in range(len(words)) if at not in self._ignored and not is_unspaced(words[at])]
        return {words[at]: form for at in searched for form in self._forms(at)}

    @property
    def last_word(self) -> str:
        """Return the word that may still be being typed."""
        return (self._found.words or [""])[-1]

    @property
    def number_of_words(self) -> int:
        return len(self._found.words)

    def finds(self, beginnings: Collection[str]) -> bool:
        """Return whether something with these search terms matches."""
        return all(any(_is_among(beginnings, form) for form in forms) for forms in self._rarest_first)

    def matching(self, products: QuerySet[Product]) -> QuerySet[Product]:
        for forms in self._rarest_first:
            products = products.filter(search_beginnings__holds_one_of=forms)
        return products

    def relevance(self) -> dict[str, Any]:
        """Per word: 10 points in the name, 6 as a prefix there, 3 in the category, else 1."""
        return {"$add": [0, *(self._points(at) for at in range(len(self._found.words)))]}

    def _points(self, at: int) -> dict[str, Any]:
        word = self._found.words[at]
        part: dict[str, Any] | None
        if at in self._ignored:
            return _points([_case(10, _has(NAME, [word]))], default=0)
        if is_unspaced(word):
            whole, part = [word], _any_word(NAME, {"$gt": [{"$indexOfBytes": ["$$this", word]}, 0]})
        else:
            whole = [stem(word), *(compound.stem for compound in self._compounds(at))]
            part = self._begins_in_name(at)
        cases = [_case(10, _has(NAME, whole)), *([_case(6, part)] if part else []), _case(3, _has(CATEGORY, whole))]
        return _points(cases, default=1)

    def _begins_in_name(self, at: int) -> dict[str, Any] | None:
        typed = [compound.text for compound in self._compounds(at) if compound.last == self._last]
        if at == self._last:
            typed.append(self._found.words[at])
        return {"$or": [_any_word(NAME, begins_with("$$this", NAME + text)) for text in typed]} if typed else None

    def _forms(self, at: int) -> Iterator[Forms]:
        word = self._found.words[at]
        if is_unspaced(word):
            # The longest stored sequences are the most selective.
            for start in range(max(1, len(word) - LONGEST_GRAM + 1)):
                yield _of_any_field(word[start : start + LONGEST_GRAM])
            return
        forms = self._being_typed(at) if at == self._last else _of_any_field(stem(word) + END)
        for compound in self._compounds(at):
            typed = compound.last == self._last and len(compound.text) <= LONGEST_BEGINNING
            forms += _of_any_field(compound.text) if typed else []
            forms += _of_any_field(compound.stem + END)
        yield list({_key([form]): form for form in forms}.values())

    def _being_typed(self, at: int) -> Forms:
        word = self._found.words[at]
        stemmed = stem(word)
        if len(word) < SHORTEST_BEGINNING:
            beside_others = at in self._found.alone and at > 0
            return _of_any_field(word if beside_others else stemmed + END)
        if len(word) > LONGEST_BEGINNING:
            # Letters and digits need no escaping.
            return [*_of_any_field(stemmed + END), *(Regex(f"^{mark}{word}") for mark in ("", CATEGORY))]
        # The prefix also finds a stem that starts with it.
        whole = [] if stemmed.startswith(word) else _of_any_field(stemmed + END)
        return [*_of_any_field(word), *whole]

    def _compounds(self, at: int) -> list[Compound]:
        return [compound for compound in self._found.compounds if compound.first <= at <= compound.last]

    @cached_property
    def _rarest_first(self) -> list[Forms]:
        """Return the forms, those of rare words first: MongoDB uses its index for the first, then filters."""
        searched = [at for at in range(len(self._found.words)) if at not in self._ignored]
        # Without words, match nothing.
        forms = {_key(each): each for at in searched for each in self._forms(at)} or {"": []}
        if len(forms) == 1:
            return list(forms.values())
        if self._is_one_token:
            # Not by frequency, which would need a query.
            return sorted(forms.values(), key=_by_length)
        # Longer words are rarer.
        compared = sorted(forms, key=len, reverse=True)[:_MAX_COUNTED]
        numbers = {key: number for key in compared if (number := _numbers.get(key)) is not None}
        if missing := {key: forms[key] for key in compared if key not in numbers}:
            numbers |= _count(missing)
        return [forms[key] for key in sorted(forms, key=lambda key: numbers.get(key, _COMMON))]


def _is_among(beginnings: Collection[str], form: str | Regex) -> bool:
    if isinstance(form, str):
        return form in beginnings
    pattern = form.try_compile()
    return any(map(pattern.match, beginnings))


def _by_length(forms: Forms) -> tuple[bool, int]:
    """Sort those that begin with a digit first, then the longest."""
    first = str(forms[0])
    return not first[:1].isdigit(), -len(first)


def _parsed(text: str) -> Words:
    found = words_of(without_possessives(folded(text)[:_LONGEST_SEARCH]), pairs=True)
    last = len(found.words) - 1
    # Products store SKUs as one word.
    may_be_code = last > 0 and (any(map(str.isdigit, found.words)) or len(text.split()) == 1)
    code = found.compound(0, last) if may_be_code else None
    return found._replace(compounds=[*found.compounds, code]) if code else found


def _key(forms: Forms) -> str:
    return "|".join(form.pattern if isinstance(form, Regex) else form for form in forms)


def _of_any_field(beginning: str) -> Forms:
    return [beginning, CATEGORY + beginning]


def _count(words: dict[str, Forms]) -> dict[str, int]:
    counts = [
        [
            {"$match": {"is_active": True, "search_beginnings": {"$in": forms}}},
            {"$limit": _COMMON},
            {"$group": {"_id": {"$literal": word}, "products": {"$sum": 1}}},
        ]
        for word, forms in words.items()
    ]
    others = [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": count}} for count in counts[1:]]
    rows = documents.aggregate(Product, [*counts[0], *others])
    numbers = dict.fromkeys(words, 0) | {row["_id"]: row["products"] for row in rows}
    for word, number in numbers.items():
        _numbers.set(word, number)
    return numbers


def _points(cases: list[dict[str, Any]], *, default: int) -> dict[str, Any]:
    return {"$switch": {"branches": cases, "default": default}}


def _case(points: int, condition: dict[str, Any]) -> dict[str, Any]:
    return {"case": condition, "then": points}


def _has(mark: str, words: list[str]) -> dict[str, Any]:
    return {"$or": [{"$in": [mark + word, "$search_words"]} for word in dict.fromkeys(words)]}


def _any_word(mark: str, condition: dict[str, Any]) -> dict[str, Any]:
    of_field = {"$and": [begins_with("$$this", mark), condition]}
    return {"$anyElementTrue": {"$map": {"input": "$search_words", "in": of_field}}}
