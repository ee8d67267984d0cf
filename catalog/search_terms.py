"""Search terms stored with a product: all prefixes of its words, as written and stemmed, in one indexed array.

Unlike a MongoDB text index it requires every word, finds prefixes, and returns products in index order without a sort.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from django.db.models import Func

from catalog.text import LONGEST_WORD, STOP_WORDS, folded, is_unspaced, sort_form, stem, words_of

# `~` sorts last: if the first index entries match, this index wins MongoDB's plan trial of a count.
NAME, CATEGORY = "name:", "~category:"
# Ends a whole word.
END = " "
# Limits per product: words, and characters of scripts without spaces.
MAX_WORDS, MAX_UNSPACED = 500, 1_000
# A shorter prefix counts only beside other words. A longer one is looked up as a range of whole words, to limit the
# size of the array.
SHORTEST_BEGINNING, LONGEST_BEGINNING = 2, 12
# Longest stored sequence of a script without spaces.
LONGEST_GRAM = 3


def words_of_letters(texts: Iterable[str]) -> set[str]:
    """Return words and compounds of the letters a to z, as written and folded, without stop words."""
    found = [words_of(folded(text), pairs=False) for text in texts]
    words = {word for each in found for word in (*each.words, *(compound.text for compound in each.compounds))}
    return {word for word in words if word.isascii() and word.isalpha() and word not in STOP_WORDS}


def sort_name(name: str) -> str:
    """Return the sort key: "Äpfel" sorts before "Zebra"."""
    return sort_form(name)[:200]


def product_fields(
    *, name: str, description: str, category: str, values: Iterable[str] = (), skus: Iterable[str] = ()
) -> dict[str, list[str]]:
    """The category's terms come last, as in :func:`with_category`."""
    in_name = _forms(name)
    known = set(in_name)
    others = [*(form for value in values for form in _forms(value)), *_forms(description, stop_words=False)]
    words = [*in_name, *_first(form for form in dict.fromkeys(others) if form not in known)]
    of_category = category_fields(category)
    return {
        "search_words": [*(NAME + word for word in in_name), *of_category["search_words"]],
        "search_beginnings": list(
            dict.fromkeys([*_beginnings(words), *_beginnings_of_skus(skus), *of_category["search_beginnings"]])
        ),
    }


def category_fields(category: str) -> dict[str, list[str]]:
    words = _forms(category)
    return {
        "search_words": [CATEGORY + word for word in words],
        "search_beginnings": [CATEGORY + beginning for beginning in _beginnings(words)],
    }


def of_whole_word(word: str) -> list[str]:
    """Return the terms of which each product with this word has one."""
    return [word + END, CATEGORY + word + END]


def with_category(category: str) -> dict[str, Func]:
    return {field: _WithCategory(field, entries) for field, entries in category_fields(category).items()}


class _WithCategory(Func):
    def __init__(self, array: str, entries: Iterable[str]) -> None:
        super().__init__()
        self.array, self.entries = array, list(entries)

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> dict[str, Any]:
        others = {"$filter": {"input": f"${self.array}", "cond": {"$not": begins_with("$$this", CATEGORY)}}}
        return {"$concatArrays": [others, self.entries]}


def begins_with(text: str, beginning: str) -> dict[str, Any]:
    return {"$eq": [{"$indexOfBytes": [text, beginning]}, 0]}


def _beginnings(words: Iterable[str]) -> list[str]:
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


def _beginnings_of_skus(skus: Iterable[str]) -> Iterator[str]:
    """Yield SKUs as one word, and their prefixes with a digit; others could be ordinary words."""
    for sku in skus:
        word = "".join(filter(str.isalnum, folded(sku)))[:LONGEST_WORD]
        if is_unspaced(word):
            yield from _beginnings(_forms(sku))
        elif word:
            yield from (each for each in _beginnings_of(word) if word in each or any(map(str.isdigit, each)))


def _forms(text: str, *, stop_words: bool = True) -> list[str]:
    """Return distinct words, compounds and stems; ``stop_words=False`` drops longer stop words outside of compounds."""
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
    words_left, characters_left = MAX_WORDS, MAX_UNSPACED
    for word in words:
        if not is_unspaced(word):
            words_left -= 1
            if words_left >= 0:
                yield word
        elif characters_left > 0:
            yield word[:characters_left]
            characters_left -= len(word)
