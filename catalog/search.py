"""Full-text search: search terms of products, matching and relevance.

A product stores the prefixes of its words in one indexed array, for words as written and stemmed; those of its
category are marked (``~category:shi``). Whole words end with a space. Compounds such as "T-shirt" are stored both as
one word and as several. For scripts without spaces all sequences of up to ``LONGEST_GRAM`` characters are stored.

A search requires all of its words; the last one may be a prefix, because it may still be being typed. Unlike a MongoDB
text index this requires every word instead of any, finds prefixes, and reads only the products that are shown: it looks
up one index key, whose products are in order, instead of a range of words, whose products must be sorted (which happens
only for a last word of more than ``LONGEST_BEGINNING`` letters).
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from bson import Regex
from django.db.models import Func, QuerySet
from django.utils.functional import cached_property

from catalog.models import Product
from catalog.text import (
    LONGEST_WORD,
    STOP_WORDS,
    Words,
    folded,
    is_unspaced,
    normalised,
    stem,
    without_possessives,
    words_of,
)
from shop.db import documents
from shop.db.caches import TTLCache

# Alternative search terms, of which a product must have one.
Forms = list[str | Regex]

# The `~` sorts category entries after Latin letters and digits. If the first index entries already match, a count by
# this index wins MongoDB's plan trial, and no other plan is cached for the next search.
NAME, CATEGORY = "name:", "~category:"
# Terminates a whole word.
END = " "
# Limits per product: the first words, and the first characters of scripts without spaces.
MAX_WORDS, MAX_UNSPACED = 500, 1_000
# Frequency limit from which words count as equally common, and number of a search's words that are compared.
_COMMON, _MAX_COUNTED = 10_000, 10
# Length limit of a folded search, because some characters fold to many.
_LONGEST_SEARCH = 300
# A single letter matches nearly everything, so it counts only beside other words. Longer prefixes are looked up as a
# range of whole words, so that the number of characters per word does not grow with the square of its length.
SHORTEST_BEGINNING, LONGEST_BEGINNING = 2, 12
LONGEST_GRAM = 3


def sort_name(name: str) -> str:
    """Return the sort key of a name: "Äpfel" sorts beside "apples", not after "Zebra"."""
    return normalised(name)[:200]


def product_fields(
    *, name: str, description: str, category: str, values: Iterable[str] = (), skus: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Return the search fields of a product; the category's terms come last.

    ``values`` are attribute values and option values of its variants.
    """
    in_name = _forms(name)
    known = set(in_name)
    # Words in both count as words of the name.
    others = [
        *(form for value in values for form in _forms(value)),
        *_forms(description, stop_words=False),
    ]
    words = [*in_name, *_first(form for form in dict.fromkeys(others) if form not in known)]
    of_category = category_fields(category)
    return {
        "search_words": [*(NAME + word for word in in_name), *of_category["search_words"]],
        "search_beginnings": list(
            dict.fromkeys([*_beginnings(words), *_beginnings_of_skus(skus), *of_category["search_beginnings"]])
        ),
    }


def category_fields(category: str) -> dict[str, list[str]]:
    """Return the search terms that a category name adds to its products."""
    words = _forms(category)
    return {
        "search_words": [CATEGORY + word for word in words],
        "search_beginnings": [CATEGORY + beginning for beginning in _beginnings(words)],
    }


def with_category(category: str) -> dict[str, Func]:
    """Return the update that replaces the terms of the former category name."""
    return {field: _WithCategory(field, entries) for field, entries in category_fields(category).items()}


class _WithCategory(Func):
    def __init__(self, array: str, entries: Iterable[str]) -> None:
        super().__init__()
        self.array, self.entries = array, list(entries)

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> dict[str, Any]:
        others = {"$filter": {"input": f"${self.array}", "cond": {"$not": _begins_with("$$this", CATEGORY)}}}
        return {"$concatArrays": [others, self.entries]}


# Cached number of products per word, up to `_COMMON`. It affects the order of look-ups, not the result.
_numbers: TTLCache[int] = TTLCache(seconds=60.0, maxsize=10_000)


class Search:
    """A parsed search; products must have all words, of which the last may be a prefix.

    There are no operators. A compound matches as one word or as several. Stop words are ignored except in compounds, if
    there are no other words, and as a single letter at the end ("vitamin a").
    """

    def __init__(self, text: str) -> None:
        self._found = _parsed(text)
        words, alone = self._found.words, self._found.alone
        self._is_one_token = len(text.split()) == 1 and all(map(str.isascii, words))
        self._last = len(words) - 1
        # A single letter after a stop word is the prefix of a word that is being typed: "lamp with a".
        letter = self._last if len((words or [""])[-1]) == 1 and not {*words[-2:-1]} & STOP_WORDS else -1
        ignored = {at for at, word in enumerate(words) if at in alone and word in STOP_WORDS and at != letter}
        self._ignored = ignored if len(ignored) < len(words) else set()

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """Return filters that a product must all match. Several words need at most one query for frequencies."""
        return [{"search_beginnings": {"$in": forms}} for forms in self._rarest_first]

    def matching(self, products: QuerySet[Product]) -> QuerySet[Product]:
        """Filter a query set of products."""
        for forms in self._rarest_first:
            products = products.filter(search_beginnings__holds_one_of=forms)
        return products

    def relevance(self) -> dict[str, Any]:
        """Return the expression for the relevance of a matching product.

        It is the sum over the words of 10 for a word of the name, 6 for part of one, 3 for a word of the category's
        name, 1 otherwise; and of 10 for a stop word in the name.
        """
        return {"$add": [0, *(self._points(at) for at in range(len(self._found.words)))]}

    def _points(self, at: int) -> dict[str, Any]:
        word = self._found.words[at]
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
        return {"$or": [_any_word(NAME, _begins_with("$$this", NAME + text)) for text in typed]} if typed else None

    @cached_property
    def _all_forms(self) -> list[Forms]:
        """Return the distinct alternatives per word; if there are none, an alternative that matches no product."""
        of_words = [
            forms for at in range(len(self._found.words)) if at not in self._ignored for forms in self._forms(at)
        ]
        return list({_key(forms): forms for forms in of_words}.values()) or [[]]

    def _forms(self, at: int) -> Iterator[Forms]:
        word = self._found.words[at]
        if is_unspaced(word):
            for gram in _longest_grams(word):
                yield _of_any_field(gram)
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
            # Letters and digits only, so no escaping is needed.
            return [*_of_any_field(stemmed + END), *(Regex(f"^{mark}{word}") for mark in ("", CATEGORY))]
        # A stem that starts with the typed prefix is already included.
        whole = [] if stemmed.startswith(word) else _of_any_field(stemmed + END)
        return [*_of_any_field(word), *whole]

    def _compounds(self, at: int) -> list[Any]:
        return [compound for compound in self._found.compounds if compound.first <= at <= compound.last]

    @cached_property
    def _rarest_first(self) -> list[Forms]:
        """Return the alternatives per word, rarest first: MongoDB looks up the first and filters by the others."""
        if len(self._all_forms) == 1:
            return self._all_forms
        forms = {_key(forms): forms for forms in self._all_forms}
        if self._is_one_token:
            # Parts of one compound are not compared by frequency.
            return sorted(forms.values(), key=lambda forms: (not forms[0][:1].isdigit(), -len(forms[0])))
        # Longer words are rarer.
        compared = sorted(forms, key=len, reverse=True)[:_MAX_COUNTED]
        numbers = {key: _numbers.get(key) for key in compared}
        if missing := {key: forms[key] for key, number in numbers.items() if number is None}:
            numbers |= _count(missing)
        return [forms[key] for key in sorted(forms, key=lambda key: numbers.get(key, _COMMON))]


def _parsed(text: str) -> Words:
    found = words_of(without_possessives(folded(text)[:_LONGEST_SEARCH]), pairs=True)
    last = len(found.words) - 1
    # It may be a SKU, which products store as one word.
    may_be_code = last > 0 and (any(map(str.isdigit, found.words)) or len(text.split()) == 1)
    code = found.compound(0, last) if may_be_code else None
    return found._replace(compounds=[*found.compounds, code]) if code else found


def _key(forms: Forms) -> str:
    return "|".join(form.pattern if isinstance(form, Regex) else form for form in forms)


def _of_any_field(beginning: str) -> Forms:
    return [beginning, CATEGORY + beginning]


def _count(words: dict[str, Forms]) -> dict[str, int]:
    """Return the number of products per word, and cache it."""
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
    of_field = {"$and": [_begins_with("$$this", mark), condition]}
    return {"$anyElementTrue": {"$map": {"input": "$search_words", "in": of_field}}}


def _begins_with(text: str, beginning: str) -> dict[str, Any]:
    return {"$eq": [{"$indexOfBytes": [text, beginning]}, 0]}


def _beginnings(words: Iterable[str]) -> list[str]:
    """Return the distinct prefixes of words including whole words, in order of first occurrence."""
    return list(
        dict.fromkeys(
            beginning for word in words for beginning in (_grams(word) if is_unspaced(word) else _beginnings_of(word))
        )
    )


def _grams(run: str) -> list[str]:
    return [run[at : at + size] for size in range(1, LONGEST_GRAM + 1) for at in range(len(run) - size + 1)]


@lru_cache(maxsize=50_000)
def _beginnings_of(word: str) -> tuple[str, ...]:
    longest = min(len(word), LONGEST_BEGINNING)
    return *(word[:letters] for letters in range(1, longest + 1)), word + END


def _longest_grams(run: str) -> list[str]:
    """Return the longest sequences that a product with this run has; they are the most selective."""
    return [run[at : at + LONGEST_GRAM] for at in range(max(1, len(run) - LONGEST_GRAM + 1))]


def _beginnings_of_skus(skus: Iterable[str]) -> Iterator[str]:
    """Yield SKUs as one word, with prefixes if they contain a digit.

    Otherwise the SKU is an ordinary word, which may be outdated.
    """
    for sku in skus:
        word = "".join(filter(str.isalnum, folded(sku)))[:LONGEST_WORD]
        if is_unspaced(word):
            yield from _beginnings(_forms(sku))
        elif word:
            yield from (each for each in _beginnings_of(word) if word in each or any(map(str.isdigit, each)))


def _forms(text: str, *, stop_words: bool = True) -> list[str]:
    """Return the distinct words and compounds of a text with their stems, in order of first occurrence.

    ``stop_words=False`` drops stop words of more than one letter that are not part of a compound.
    """
    found = words_of(folded(text), pairs=stop_words)
    forms = [
        form
        for at, word in enumerate(found.words)
        if stop_words or len(word) < SHORTEST_BEGINNING or at not in found.alone or word not in STOP_WORDS
        for form in ((word,) if is_unspaced(word) else (stem(word), word))
    ]
    return list(
        dict.fromkeys([*forms, *(form for compound in found.compounds for form in (compound.stem, compound.text))])
    )


def _first(words: Iterable[str]) -> Iterator[str]:
    """Yield the first ``MAX_WORDS`` words and ``MAX_UNSPACED`` characters of scripts without spaces."""
    words_left, characters_left = MAX_WORDS, MAX_UNSPACED
    for word in words:
        if not is_unspaced(word):
            words_left -= 1
            if words_left >= 0:
                yield word
        elif characters_left > 0:
            yield word[:characters_left]
            characters_left -= len(word)
