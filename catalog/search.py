"""Full-text search: which words a product is found by, and how well it matches.

A product carries the beginnings of its words in one array with one index: of words stemmed and as written, in lower
case and without accents, those of its category marked as such (``~category:shi``). Whole words are among them, with a
space behind the last letter. A search asks for all of its words; the last one may still be being typed, so the
beginning of a word will do. Unlike a text index of MongoDB, this requires every word and not just any, finds
beginnings, and reads no more of the products that match than it shows: what is looked up is one place of the index,
where products lie in order, and not a range of words, whose products have to be sorted (as they are for a last word of
more than ``LONGEST_BEGINNING`` letters, of which there are few).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import snowballstemmer
from bson import Regex
from django.db.models import Func, QuerySet
from django.utils.functional import cached_property

from catalog.models import Product
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
# Of a long text, the words that come first.
MAX_WORDS = 500
# Words of so many products are not compared in how rare they are.
_COMMON = 10_000
# Fewer letters are the beginning of nearly everything; the beginnings that are longer are looked up as a range of whole
# words, so that what a product carries does not grow with the square of a word.
SHORTEST_BEGINNING, LONGEST_BEGINNING = 2, 12

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile(r"['’](?:s\b)?")
# The ones that Lucene leaves out of English texts.
_STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with".split()
)


def normalised(text: str) -> str:
    """Return the text in lower case and without accents, as it is sorted and compared."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def sort_name(name: str) -> str:
    """Return what lists sort a name by: "Äpfel" comes beside "apples" and not behind "Zebra"."""
    return normalised(name)[:200]


def product_fields(*, name: str, description: str, category: str) -> dict[str, list[str]]:
    """Return what a product carries to be found and ranked by, the category's last."""
    in_name, in_description = _forms(name), _forms(description)
    # In both, it counts as the name's.
    words = [*in_name, *[word for word in in_description if word not in set(in_name)][:MAX_WORDS]]
    of_category = category_fields(category)
    return {
        "search_words": [*(NAME + word for word in in_name), *of_category["search_words"]],
        "search_beginnings": [*_beginnings(words), *of_category["search_beginnings"]],
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
    """What somebody typed: words that a product must have, the last of which may be the beginning of one.

    No character is an operator.
    """

    def __init__(self, text: str) -> None:
        *before, self.last = _words(text) or [""]
        self.words = [_stem(word) for word in before if word not in _STOP_WORDS]

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
        of 10 for one in the name, 6 for the beginning of one, 3 for one in the category's name, 1 for any other.
        """
        last = [*_whole(_stem(self.last)), _case(6, _name_word_begins_with(self.last))]
        cases = [*map(_whole, self.words), last]
        return {"$add": [{"$switch": {"branches": branches, "default": 1}} for branches in cases]}

    @property
    def _rarest_first(self) -> list[Forms]:
        """The forms of each word. MongoDB looks up the first word only, and looks at its products for the others."""
        forms = {word + END: _of_any_field(word + END) for word in self.words} | {self.last: self._forms_of_last()}
        if len(forms) > 1:
            numbers = {word: _numbers.recall(word) for word in forms}
            if missing := {word: forms[word] for word, number in numbers.items() if number is None}:
                numbers |= _count(missing)
            return [forms[word] for word in sorted(forms, key=lambda word: numbers[word] or 0)]
        return list(forms.values())

    def _forms_of_last(self) -> Forms:
        if not self.last:
            return []
        stem = _stem(self.last)
        if len(self.last) < SHORTEST_BEGINNING:
            return _of_any_field(stem + END)
        if len(self.last) > LONGEST_BEGINNING:
            # Letters and digits only: there is nothing to escape.
            return [*_of_any_field(stem + END), *(Regex(f"^{mark}{self.last}") for mark in ("", CATEGORY))]
        # A stem that begins with what was typed is among that already.
        whole = [] if stem.startswith(self.last) else _of_any_field(stem + END)
        return [*_of_any_field(self.last), *whole]


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


def _whole(word: str) -> list[dict[str, Any]]:
    return [_case(points, {"$in": [mark + word, "$search_words"]}) for points, mark in ((10, NAME), (3, CATEGORY))]


def _name_word_begins_with(beginning: str) -> dict[str, Any]:
    begins = _begins_with("$$this", NAME + beginning)
    return {"$anyElementTrue": {"$map": {"input": "$search_words", "in": begins}}}


def _case(points: int, condition: dict[str, Any]) -> dict[str, Any]:
    return {"case": condition, "then": points}


def _begins_with(text: str, beginning: str) -> dict[str, Any]:
    return {"$eq": [{"$indexOfBytes": [text, beginning]}, 0]}


def _beginnings(words: Iterable[str]) -> list[str]:
    """Return the beginnings of words up to whole ones, each once, in the order in which they come."""
    return list(dict.fromkeys(beginning for word in words for beginning in _beginnings_of(word)))


@lru_cache(maxsize=50_000)
def _beginnings_of(word: str) -> tuple[str, ...]:
    longest = min(len(word), LONGEST_BEGINNING)
    return *(word[:letters] for letters in range(SHORTEST_BEGINNING, longest + 1)), word + END


def _forms(text: str) -> list[str]:
    """Return the words of a text with their stems, each once, in the order in which they come."""
    words = [word for word in _words(text) if word not in _STOP_WORDS]
    return list(dict.fromkeys(form for word in words for form in (_stem(word), word)))


def _words(text: str) -> list[str]:
    return _WORD.findall(_APOSTROPHE.sub("", normalised(text)))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # One stemmer a word: it keeps what it works on in itself, and threads would share it.
    return snowballstemmer.stemmer("english").stemWord(word)
