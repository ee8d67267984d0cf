"""Correction of typing errors in a search that finds nothing, by the words of active products."""

import re
from collections.abc import Iterator

from catalog.listing.search import Forms, Search
from catalog.models import Product
from catalog.text import folded, without_possessives
from catalog.typing_errors import (
    SHORTEST_CORRECTED,
    keys_of_one_error,
    keys_of_two_errors,
    most_errors,
    nearest,
)
from catalog.vocabulary.models import SearchWord
from shop.db import documents
from shop.db.caches import TTLCache
from shop.db.documents import Pipeline

CORRECTED_QUERY = (
    "The search of the reply, if it differs from `search`: nothing matched, and a word without any product resembles "
    "one with products. Null if `search` was not changed."
)
# Searches with more words that may be wrong are not corrected.
MAX_CORRECTED_WORDS = 6
# Most frequent words that are compared, per searched word.
MAX_COMPARED = 100
_WORD = re.compile(rf"(?<![a-z0-9])[a-z]{{{SHORTEST_CORRECTED},}}(?![a-z0-9])")

# By search; "" for none. A search that finds something by now is not looked up.
_corrections: TTLCache[str] = TTLCache(seconds=60.0, maxsize=10_000)


def correct(search: Search) -> str | None:
    """Return a search in which each word that no active product has is replaced by a similar one, or None.

    Words with a digit next to them, as in most SKUs, are left as they are. Sends one command, or none.
    """
    known = _corrections.get(search.text)
    if known is None:
        known = _correct(search) or ""
        _corrections.set(search.text, known)
    return known or None


def _correct(search: Search) -> str | None:
    tokens = [(token, without_possessives(folded(token))) for token in search.text.split()]
    forms = search.forms_of_words()
    may_be_wrong = {word for _, text in tokens for word in _words(text)}
    words = sorted(may_be_wrong & forms.keys())
    if not 0 < len(words) <= MAX_CORRECTED_WORDS:
        return None
    similar = _similar_words({word: forms[word] for word in words}, last=search.last_word)
    fixes = {
        word: nearest(word, similar[word].items(), is_beginning=word == search.last_word)
        for word in words
        if word not in similar[word]
    }
    if not fixes or None in fixes.values():
        return None
    return " ".join(_fixed(text, fixes) or token for token, text in tokens)


def _similar_words(forms: dict[str, Forms], *, last: str) -> dict[str, dict[str, int]]:
    """Return words and their frequency per word; that word itself is one of them if an active product has it."""
    stored = [part for word in forms for part in _similar(word, is_beginning=word == last)]
    exist = [_exists(word, each) for word, each in forms.items()]
    others = [{"$unionWith": {"coll": SearchWord._meta.db_table, "pipeline": each}} for each in stored[1:]]
    others += [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": each}} for each in exist]
    similar: dict[str, dict[str, int]] = {word: {} for word in forms}
    for row in documents.aggregate(SearchWord, [*stored[0], *others]):
        similar[row["typed"]][row["word"]] = row["products"]
    return similar


def _similar(word: str, *, is_beginning: bool) -> Iterator[Pipeline]:
    keys = [keys_of_one_error(word, is_beginning=is_beginning)]
    if most_errors(word) > 1:
        keys.append(keys_of_two_errors(word))
    for some in keys:
        yield [
            {"$match": {"keys": {"$in": some}}},
            {"$sort": {"products": -1}},
            {"$limit": MAX_COMPARED},
            {"$match": {"_id": {"$ne": word}}},
            {"$project": {"_id": 0, "typed": {"$literal": word}, "word": "$_id", "products": 1}},
        ]


def _exists(word: str, forms: Forms) -> Pipeline:
    itself = {"$literal": word}
    return [
        {"$match": {"is_active": True, "search_beginnings": {"$in": forms}}},
        {"$limit": 1},
        {"$project": {"_id": 0, "typed": itself, "word": itself, "products": {"$literal": 0}}},
    ]


def _words(token: str) -> list[str]:
    return [] if any(map(str.isdigit, token)) else _WORD.findall(token)


def _fixed(token: str, fixes: dict[str, str | None]) -> str | None:
    """Return None if nothing is wrong."""
    if fixes.keys().isdisjoint(_words(token)):
        return None
    return _WORD.sub(lambda match: fixes.get(match[0]) or match[0], token)
