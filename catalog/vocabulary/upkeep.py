"""The words of active products, to which typing errors are corrected.

Words are added within minutes, counted and removed daily. A product's change does not write them, because thousands of
products share a word; until it is removed, a word without products only leads to an empty result.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.utils import timezone
from pymongo import UpdateOne

from catalog.models import Product
from catalog.search_terms import of_whole_word, words_of_letters
from catalog.typing_errors import SHORTEST_STORED, stored_keys
from catalog.vocabulary.models import SearchWord
from shop import jobs
from shop.db import documents

MINUTES = 5
# Longer than the period, if a worker is late.
LOOK_BACK = timedelta(minutes=3 * MINUTES)
# Products of a word are counted up to this number.
MAX_COUNTED = 10_000
PRODUCTS_READ, WORDS_COUNTED = 50, 50

_READ = (
    "name",
    "description",
    "category_name",
    "brand",
    "tags",
    "attributes",
    "options",
    "search_beginnings",
    "updated_at",
)


@jobs.every_in_slices(MINUTES * 60, name="catalog.new_words")
def add_new_words(cursor: jobs.Cursor) -> jobs.Cursor:
    """Add the words of products that were changed lately, or of all if there are no words yet."""
    since = timezone.now() - LOOK_BACK if cursor or SearchWord.objects.exists() else datetime.min
    return _add_words(cursor or _place(since))


@jobs.every_in_slices(24 * 3600, name="catalog.count_words")
def count_words(cursor: jobs.Cursor) -> jobs.Cursor:
    """Add missing words of all products, then count the products of each word, and remove those without.

    The cursor is a place among the products, then a word.
    """
    if not isinstance(cursor, str):
        place = _add_words(cursor or _place(datetime.min))
        return place or ""
    limit = jobs.TimeLimit()
    while True:
        after = [{"$match": {"_id": {"$gt": cursor}}}, {"$sort": {"_id": 1}}, {"$limit": WORDS_COUNTED}]
        rows = documents.aggregate(SearchWord, [*after, {"$project": {"products": 1}}])
        if not rows:
            return None
        known = {row["_id"]: row["products"] for row in rows}
        _write({word: number for word, number in _count(list(known)).items() if number != known[word]})
        cursor = rows[-1]["_id"]
        if limit.is_over:
            return cursor


def rebuild() -> None:
    cursor = count_words(None)
    while cursor is not None:
        cursor = count_words(cursor)


def _add_words(cursor: list[str]) -> jobs.Cursor:
    """Add the words of products changed after the cursor's place, the earliest first; return the next place."""
    limit = jobs.TimeLimit()
    while products := _products_after(cursor):
        words = {word for product in products for word in _words_of(product)}
        new = sorted(words - documents.known_values(SearchWord, "_id", words))
        for start in range(0, len(new), WORDS_COUNTED):
            _write(_count(new[start : start + WORDS_COUNTED]))
            if limit.is_over:
                # The same products again, of which these words are known then.
                return cursor
        cursor = _place(products[-1]["updated_at"], products[-1]["_id"])
        if limit.is_over:
            return cursor
    return None


def _place(at: datetime, pk: ObjectId | None = None) -> list[str]:
    return [at.isoformat(), str(pk or ObjectId(bytes(12)))]


def _products_after(place: list[str]) -> list[documents.Document]:
    at, pk = datetime.fromisoformat(place[0]), ObjectId(place[1])
    later = {"$or": [{"updated_at": {"$gt": at}}, {"updated_at": at, "_id": {"$gt": pk}}]}
    return documents.aggregate(
        Product,
        [
            {"$match": {"is_active": True, "updated_at": {"$gte": at}, **later}},
            {"$sort": {"updated_at": 1, "_id": 1}},
            {"$limit": PRODUCTS_READ},
            {"$project": dict.fromkeys(_READ, 1)},
        ],
        index="product_updated_since",
    )


def _words_of(product: documents.Document) -> Iterator[str]:
    """Yield the words that a search finds the product by, without SKUs."""
    texts = [product.get(name, "") for name in ("name", "description", "category_name", "brand")]
    texts += product.get("tags") or ()
    texts += product.get("attributes", {}).values()
    texts += [value for option in product.get("options", ()) for value in option["values"]]
    terms = set(product["search_beginnings"])
    for word in words_of_letters(texts):
        # A long text has more words than terms.
        if len(word) >= SHORTEST_STORED and not terms.isdisjoint(of_whole_word(word)):
            yield word


def _count(words: Sequence[str]) -> dict[str, int]:
    """Return the number of active products of each word, at most ``MAX_COUNTED``."""
    counts: list[documents.Pipeline] = [
        [
            {"$match": {"is_active": True, "search_beginnings": {"$in": of_whole_word(word)}}},
            {"$limit": MAX_COUNTED},
            {"$group": {"_id": {"$literal": word}, "products": {"$sum": 1}}},
        ]
        for word in words
    ]
    others = [{"$unionWith": {"coll": Product._meta.db_table, "pipeline": count}} for count in counts[1:]]
    rows = documents.aggregate(Product, [*counts[0], *others])
    return dict.fromkeys(words, 0) | {row["_id"]: row["products"] for row in rows}


def _write(numbers: dict[str, int]) -> None:
    documents.delete_many(SearchWord, {"_id": {"$in": [word for word, number in numbers.items() if not number]}})
    documents.bulk_write(
        SearchWord,
        [
            UpdateOne({"_id": word}, {"$set": _fields(word, number)}, upsert=True)
            for word, number in numbers.items()
            if number
        ],
    )


def _fields(word: str, products: int) -> dict[str, Any]:
    return {"products": products, "keys": stored_keys(word)}
