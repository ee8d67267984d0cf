"""Full-text search: which words a product is found by, and how well it matches.

A product carries the beginnings of its words in one array with one index: of words stemmed and as written, those of its
category marked as such (``~category:shi``). Whole words are among them, with a space behind the last letter; compounds
such as "T-shirt" both as one word and as several. Of scripts without spaces it carries all sequences of up to
``LONGEST_GRAM`` characters. A search asks for all of its words; the last one may still be being typed, so the beginning
of a word will do. Unlike a text index of MongoDB, this requires every word and not just any, finds beginnings, and
reads no more of the products that match than it shows: one place of the index is looked up, where products lie in
order, and not a range of words, whose products have to be sorted (as they are for a last word of more than
``LONGEST_BEGINNING`` letters, of which there are few).
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
from shop import documents
from shop.remembered import Remembered

# What a product must have one of.
Forms = list[str | Regex]

# In the index the category's come behind all others of Latin letters and digits: where the first entries that are
# looked at already match, counting by this index beats every other in MongoDB's trial, and no other plan is remembered
# for the next search.
NAME, CATEGORY = "name:", "~category:"
# Behind the last letter of a whole word.
END = " "
# Of a long text, the words that come first, and the characters of scripts without spaces.
MAX_WORDS, MAX_UNSPACED = 500, 1_000
# Words of so many products are not compared in how rare they are, nor are more than so many words of a search.
_COMMON, _MAX_COUNTED = 10_000, 10
# A folded search is at most this long: some characters stand for many.
_LONGEST_SEARCH = 300
# One letter is the beginning of nearly everything, so it will only do beside other words. Longer beginnings are looked
# up as a range of whole words, so that what a product carries does not grow with the square of a word.
SHORTEST_BEGINNING, LONGEST_BEGINNING = 2, 12
LONGEST_GRAM = 3


def sort_name(name: str) -> str:
    """Return what lists sort a name by: "Äpfel" comes beside "apples" and not behind "Zebra"."""
    return normalised(name)[:200]


def product_fields(
    *, name: str, description: str, category: str, values: Iterable[str] = (), skus: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Return what a product carries to be found and ranked by, the category's last.

    ``values`` are those of its attributes and of its variants' options.
    """
    in_name = _forms(name)
    known = set(in_name)
    # In both, it counts as the name's.
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
    """Return what of these fields all products of a category with this name have."""
    words = _forms(category)
    return {
        "search_words": [CATEGORY + word for word in words],
        "search_beginnings": [CATEGORY + beginning for beginning in _beginnings(words)],
    }


def with_category(category: str) -> dict[str, Func]:
    """Return the update of these fields by which what they have of the former category's name gives way to this."""
    return {field: _WithCategory(field, entries) for field, entries in category_fields(category).items()}


class _WithCategory(Func):
    def __init__(self, array: str, entries: Iterable[str]) -> None:
        super().__init__()
        self.array, self.entries = array, list(entries)

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> dict[str, Any]:
        others = {"$filter": {"input": f"${self.array}", "cond": {"$not": _begins_with("$$this", CATEGORY)}}}
        return {"$concatArrays": [others, self.entries]}


# How many products have a word, up to `_COMMON`: it decides what is looked up first, not what is found.
_numbers: Remembered[int] = Remembered(seconds=60.0, most=10_000)


class Search:
    """A typed search: words that a product must have, the last of which may be the beginning of one.

    No character is an operator. A compound is found written as one word or as several; stop words count only in a
    compound, if there are no others, and as one letter at the end ("vitamin a").
    """

    def __init__(self, text: str) -> None:
        self._found = _parsed(text)
        words, alone = self._found.words, self._found.alone
        self._is_one_token = len(text.split()) == 1 and all(map(str.isascii, words))
        self._last = len(words) - 1
        # An article after another stop word is the beginning of what is still missing: "lamp with a".
        letter = self._last if len((words or [""])[-1]) == 1 and not {*words[-2:-1]} & STOP_WORDS else -1
        ignored = {at for at, word in enumerate(words) if at in alone and word in STOP_WORDS and at != letter}
        self._ignored = ignored if len(ignored) < len(words) else set()

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """What a product must match, every one of them. Several words cost a look-up at most, whatever they are."""
        return [{"search_beginnings": {"$in": forms}} for forms in self._rarest_first]

    def matching(self, products: QuerySet[Product]) -> QuerySet[Product]:
        """Return those of the products that match, for what goes on with them in Django."""
        for forms in self._rarest_first:
            products = products.filter(search_beginnings__holds_one_of=forms)
        return products

    def relevance(self) -> dict[str, Any]:
        """Return the expression for how well a matching product matches, the higher the better: the sum over the words
        of 10 for one in the name, 6 for a part of one there, 3 for one in the category's name, 1 for any other; and of
        10 for a stop word in the name.
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
        """Return the forms of each word, each once; of nothing that could be found, one that no product has."""
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
            beside_others = at in self._found.alone and len(self._ignored) < self._last
            return _of_any_field(word if beside_others else stemmed + END)
        if len(word) > LONGEST_BEGINNING:
            # Letters and digits only: there is nothing to escape.
            return [*_of_any_field(stemmed + END), *(Regex(f"^{mark}{word}") for mark in ("", CATEGORY))]
        # A stem that begins with what was typed is among that already.
        whole = [] if stemmed.startswith(word) else _of_any_field(stemmed + END)
        return [*_of_any_field(word), *whole]

    def _compounds(self, at: int) -> list[Any]:
        return [compound for compound in self._found.compounds if compound.first <= at <= compound.last]

    @cached_property
    def _rarest_first(self) -> list[Forms]:
        """The forms of each word. MongoDB looks up the first word only, and looks at its products for the others."""
        if len(self._all_forms) == 1:
            return self._all_forms
        forms = {_key(forms): forms for forms in self._all_forms}
        if self._is_one_token:
            # Parts of one compound are looked up without comparing them.
            return sorted(forms.values(), key=lambda forms: (not forms[0][:1].isdigit(), -len(forms[0])))
        # Long ones are rarer.
        compared = sorted(forms, key=len, reverse=True)[:_MAX_COUNTED]
        numbers = {key: _numbers.recall(key) for key in compared}
        if missing := {key: forms[key] for key, number in numbers.items() if number is None}:
            numbers |= _count(missing)
        return [forms[key] for key in sorted(forms, key=lambda key: numbers.get(key, _COMMON))]


def _parsed(text: str) -> Words:
    found = words_of(without_possessives(folded(text)[:_LONGEST_SEARCH]), pairs=True)
    last = len(found.words) - 1
    # It may be a SKU, which products carry as one word.
    may_be_code = last > 0 and (any(map(str.isdigit, found.words)) or len(text.split()) == 1)
    code = found.compound(0, last) if may_be_code else None
    return found._replace(compounds=[*found.compounds, code]) if code else found


def _key(forms: Forms) -> str:
    return "|".join(form.pattern if isinstance(form, Regex) else form for form in forms)


def _of_any_field(beginning: str) -> Forms:
    return [beginning, CATEGORY + beginning]


def _count(words: dict[str, Forms]) -> dict[str, int]:
    """Return how many products have each of the words, and remember it."""
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
        _numbers.remember(word, number)
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
    """Return the beginnings of words up to whole ones, each once, in the order in which they come."""
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
    """Return what a product with this run of characters has for certain, and hardly another."""
    return [run[at : at + LONGEST_GRAM] for at in range(max(1, len(run) - LONGEST_GRAM + 1))]


def _beginnings_of_skus(skus: Iterable[str]) -> Iterator[str]:
    """Give SKUs as one word, and what they begin with if there is a digit in it.

    Without one it is a word, which the product was perhaps called when the SKU was made.
    """
    for sku in skus:
        word = "".join(filter(str.isalnum, folded(sku)))[:LONGEST_WORD]
        if is_unspaced(word):
            yield from _beginnings(_forms(sku))
        elif word:
            yield from (each for each in _beginnings_of(word) if word in each or any(map(str.isdigit, each)))


def _forms(text: str, *, stop_words: bool = True) -> list[str]:
    """Return the words of a text and its compounds with their stems, each once, in the order in which they come.

    Without ``stop_words``, those are left out that stand alone and have more than one letter.
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
    """Give the first ``MAX_WORDS`` words, and ``MAX_UNSPACED`` characters of scripts without spaces."""
    words_left, characters_left = MAX_WORDS, MAX_UNSPACED
    for word in words:
        if not is_unspaced(word):
            words_left -= 1
            if words_left >= 0:
                yield word
        elif characters_left > 0:
            yield word[:characters_left]
            characters_left -= len(word)
