"""Suggestions while a search is typed: products, categories, brands, and the words that names continue with."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rest_framework import serializers

from catalog.categories import count_products
from catalog.listing import corrections
from catalog.listing.orderings import NEWEST_FIRST, ORDERINGS
from catalog.listing.search import Search
from catalog.models import SEARCH_INDEX, Category, Product
from catalog.search_terms import category_fields, product_fields
from catalog.text import folded
from shop.db import documents
from shop.db.caches import TTLCache

MAX_SUGGESTIONS = 10
# Suggestions of each other type; products fill the rest.
MAX_OTHERS = 2
# Two sets of this size are searched: the newest products with the rarest word, and the best sellers.
MAX_EXAMINED = 300
# More than are shown: a product can be in both sets, and brands are taken from these rows.
_MAX_READ = 100
_MOST_SOLD = ORDERINGS["-sales"].sort
# A word of a name as written.
_WRITTEN = re.compile(r"[^\W_]+")
# Points of a word at the beginning of one in the name.
_IN_NAME = 6


class SuggestionQuerySerializer(serializers.Serializer):
    q = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="What is typed so far, as in `search`."
    )


class SuggestionSerializer(serializers.Serializer):
    type = serializers.ChoiceField(choices=["product", "category", "brand", "query"], help_text="What is suggested.")
    text = serializers.CharField(help_text="A name, or a search.")
    slug = serializers.CharField(allow_null=True, help_text="For the filter of that name; null for a `query`.")


SUGGESTIONS_EXAMPLE = [
    {"type": "product", "text": "Zip Hoodie", "slug": "zip-hoodie"},
    {"type": "category", "text": "Hoodies", "slug": "hoodies"},
    {"type": "brand", "text": "Hook & Loop", "slug": "hook-loop"},
    {"type": "query", "text": "hoodie", "slug": None},
]


class _Category(NamedTuple):
    name: str
    slug: str
    products: int
    beginnings: frozenset[str]


# One entry: the categories with active products, those of most products first.
_categories: TTLCache[list[_Category]] = TTLCache(seconds=10.0, maxsize=1)


def suggest(text: str) -> list[dict[str, Any]]:
    """Return data of :class:`SuggestionSerializer`, of the corrected text if there is nothing for the text itself."""
    if not text.strip():
        return []
    if found := _suggestions(text):
        return found
    corrected = corrections.correct(Search(text))
    return _suggestions(corrected) if corrected else []


def _suggestions(text: str) -> list[dict[str, Any]]:
    search = Search(text)
    products = _products(search)
    names = [product["name"] for product in products[:MAX_SUGGESTIONS]]
    found: dict[str, list[tuple[str, str | None]]] = {
        "category": [(each.name, each.slug) for each in _all_categories() if search.finds(each.beginnings)],
        "brand": list(_brands(search, products)),
        "query": [(query, None) for query in _continued(text, search, names)],
    }
    others = [
        {"type": kind, "text": text, "slug": slug} for kind, each in found.items() for text, slug in each[:MAX_OTHERS]
    ]
    places = MAX_SUGGESTIONS - len(others)
    return [{"type": "product", "text": each["name"], "slug": each["slug"]} for each in products[:places]] + others


def _products(search: Search) -> list[documents.Document]:
    """Return those with the words in their names first, then those in stock, then the best sellers."""
    found = {"$and": [{"is_active": True}, *search.conditions]}
    newest = [
        {"$match": {"$and": [{"is_active": True}, search.conditions[0]]}},
        {"$sort": NEWEST_FIRST},
        {"$limit": MAX_EXAMINED},
        {"$match": found},
    ]
    best_sellers = [
        {"$match": {"is_active": True}},
        {"$sort": _MOST_SOLD},
        {"$limit": MAX_EXAMINED},
        {"$match": found},
    ]
    in_name = {"$gte": [search.relevance(), _IN_NAME * search.number_of_words]}
    ranked = {"in_stock": 1, "sales": 1, "in_name": in_name}
    shown: documents.Pipeline = [
        {"$project": {"name": 1, "slug": 1, "brand": 1, "brand_slug": 1, **ranked}},
        {"$sort": {"in_name": -1, "in_stock": -1, "sales": -1, "_id": -1}},
        {"$limit": _MAX_READ},
    ]
    others = {"$unionWith": {"coll": Product._meta.db_table, "pipeline": best_sellers}}
    rows = documents.aggregate(Product, [*newest, others, *shown], index=SEARCH_INDEX)
    return list({row["_id"]: row for row in rows}.values())


def _all_categories() -> list[_Category]:
    known = _categories.get(None)
    if known is None:
        rows = list(Category.objects.all())
        count_products(rows)
        known = [
            _Category(row.name, row.slug, row.product_count, frozenset(category_fields(row.name)["search_beginnings"]))
            for row in rows
            if row.product_count
        ]
        known.sort(key=lambda category: (-category.products, category.name))
        _categories.set(None, known)
    return known


def _brands(search: Search, products: Iterable[documents.Document]) -> Iterator[tuple[str, str]]:
    names = {product["brand_slug"]: product["brand"] for product in products if product.get("brand_slug")}
    for slug, name in names.items():
        terms = product_fields(name=name, description="", category="")["search_beginnings"]
        if search.finds(frozenset(terms)):
            yield name, slug


def _continued(text: str, search: Search, names: Iterable[str]) -> Iterator[str]:
    """Yield the text with its last word completed to words of the names, each once."""
    typed = search.last_word
    match = re.search(r"[^\W_]+\Z", text)
    if not typed.isascii() or match is None or folded(match[0]) != typed:
        return
    seen = {typed}
    for name in names:
        for word in _WRITTEN.findall(name):
            key = folded(word)
            if key.startswith(typed) and key not in seen:
                seen.add(key)
                yield text[: match.start()].lstrip() + word.lower()
