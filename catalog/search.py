"""Full-text search: which words a product is found by, and how well it matches.

A product carries its words in one array with one index: stemmed and as written, in lower case and without accents,
those of its name and its category marked as such (``name:shirt``). A search asks for all of its words; the last one
may still be being typed, so the beginning of a word will do. Unlike a text index of MongoDB, this requires every word
and not just any, finds beginnings, and reads no more of a common word's products than it shows.
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

# What a product must have one of.
Forms = list[str | Regex]

NAME, CATEGORY = "name:", "category:"
_MARKS = (NAME, CATEGORY, "")
# Of a long text, the words that come first.
MAX_WORDS = 500
# Words of so many products are not compared in how rare they are.
_COMMON = 10_000
# A product's words begin with its name's; it has no more than these.
_MAX_NAME_WORDS = 100
# Fewer letters are the beginning of nearly everything.
SHORTEST_BEGINNING = 2

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


def product_words(*, name: str, description: str, category: str) -> list[str]:
    """Return the words that a product is found by, each once, the category's last."""
    in_name = _with_stems(name)
    # In both, it counts as the name's.
    in_description = [word for word in _with_stems(description) if word not in set(in_name)]
    return [*(NAME + word for word in in_name), *in_description[:MAX_WORDS], *category_words(category)]


def category_words(category: str) -> list[str]:
    """Return the words by which all products of a category with this name are found."""
    return [CATEGORY + word for word in _with_stems(category)]


class WithCategoryWords(Func):
    """An update of ``search_words``: the words of the former category's name give way to these."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__()
        self.words = list(words)

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> dict[str, Any]:
        others = {"$filter": {"input": "$search_words", "cond": {"$not": _begins_with("$$this", CATEGORY)}}}
        return {"$concatArrays": [others, self.words]}


class Search:
    """What somebody typed: words that a product must have, the last of which may be the beginning of one.

    No character is an operator.
    """

    def __init__(self, text: str) -> None:
        *before, self.last = _words(text) or [""]
        self.words = [_stem(word) for word in before if word not in _STOP_WORDS]

    @cached_property
    def conditions(self) -> list[dict[str, Any]]:
        """What a product must match, every one of them. Several words cost a look-up, whatever they are."""
        return [{"search_words": {"$in": forms}} for forms in self._rarest_first]

    def matching(self, products: QuerySet[Product]) -> QuerySet[Product]:
        """Return those of the products that match, for what goes on with them in Django."""
        for forms in self._rarest_first:
            products = products.filter(search_words__holds_one_of=forms)
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
        forms = [*([mark + word for mark in _MARKS] for word in self.words), self._forms_of_last()]
        if len(forms) == 1:
            return forms
        counts = [
            [
                {"$match": {"is_active": True, "search_words": {"$in": each}}},
                {"$limit": _COMMON},
                {"$group": {"_id": number, "products": {"$sum": 1}}},
            ]
            for number, each in enumerate(forms)
        ]
        collection = Product._meta.db_table
        others = [{"$unionWith": {"coll": collection, "pipeline": count}} for count in counts[1:]]
        rows = documents.aggregate(Product, [*counts[0], *others])
        products = {row["_id"]: row["products"] for row in rows}
        return [forms[number] for number in sorted(range(len(forms)), key=lambda number: products.get(number, 0))]

    def _forms_of_last(self) -> Forms:
        if not self.last:
            return []
        whole = [mark + _stem(self.last) for mark in _MARKS]
        if len(self.last) < SHORTEST_BEGINNING:
            return whole
        # Letters and digits only: there is nothing to escape.
        return [*whole, *(Regex(f"^{mark}{self.last}") for mark in _MARKS)]


def _whole(word: str) -> list[dict[str, Any]]:
    return [_case(points, {"$in": [mark + word, "$search_words"]}) for points, mark in ((10, NAME), (3, CATEGORY))]


def _name_word_begins_with(beginning: str) -> dict[str, Any]:
    words = {"$slice": ["$search_words", _MAX_NAME_WORDS]}
    return {"$anyElementTrue": {"$map": {"input": words, "in": _begins_with("$$this", NAME + beginning)}}}


def _case(points: int, condition: dict[str, Any]) -> dict[str, Any]:
    return {"case": condition, "then": points}


def _begins_with(text: str, beginning: str) -> dict[str, Any]:
    return {"$eq": [{"$indexOfBytes": [text, beginning]}, 0]}


def _with_stems(text: str) -> list[str]:
    """Return the words of a text with their stems, each once, in the order in which they come."""
    words = [word for word in _words(text) if word not in _STOP_WORDS]
    return list(dict.fromkeys(form for word in words for form in (_stem(word), word)))


def _words(text: str) -> list[str]:
    return _WORD.findall(_APOSTROPHE.sub("", normalised(text)))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # One stemmer a word: it keeps what it works on in itself, and threads would share it.
    return snowballstemmer.stemmer("english").stemWord(word)
