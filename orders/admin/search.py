"""Staff search orders by the beginnings of words. MongoDB reads a bounded number of index entries and orders."""

from collections.abc import Sequence

from bson import ObjectId
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from orders import hooks, search_words
from orders.models import Order
from shop.admin.lists import by_id, keys_of
from shop.admin.state import state_of
from shop.db import documents
from shop.db.documents import Document
from shop.jobs.email_addresses import normalize_email

_INDEX = "order_search_words"
# Orders shown of a search.
MOST_SHOWN = 500
# Orders read of a search's rarest word, or, if all its words are frequent, the newest orders read.
MOST_READ = 5_000


def matching(request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
    """Return the newest matches; if there may be others, the page says so."""
    if (found := by_id(queryset, text)) is not None:
        return found
    if numbers := [number for numbers in hooks.numbers_of_payments(text=text) for number in numbers]:
        return queryset.filter(number__in=numbers)
    keys, is_whole = find(text)
    if not is_whole:
        state_of(
            request
        ).search_note = f"Only the first {MOST_SHOWN} matches of the newest orders are shown: enter more words."
    return queryset.filter(pk__in=[*keys, *_of_accounts(request, text)])


def find(text: str) -> tuple[list[ObjectId], bool]:
    """Return the newest orders with all words of the text, and whether there are no others."""
    words = search_words.searched(text)
    if not words:
        return [], True
    conditions = [_condition(word) for word in words]
    counts = [_count(each) for each in conditions]
    rarest = counts.index(min(counts))
    newest: list[Document] = [{"$sort": {"_id": -1}}]
    every = [{"$match": {"$and": conditions}}]
    if counts[rarest] <= MOST_READ:
        first, hint = [{"$match": conditions[rarest]}, *every, *newest], _INDEX
    else:
        first, hint = [*newest, {"$limit": MOST_READ}, *every], "_id_"
    rows = documents.aggregate(Order, [*first, {"$limit": MOST_SHOWN + 1}, {"$project": {"_id": 1}}], index=hint)
    is_whole = counts[rarest] <= MOST_READ and len(rows) <= MOST_SHOWN
    return [row["_id"] for row in rows[:MOST_SHOWN]], is_whole


def _condition(word: Sequence[str]) -> Document:
    return {"search_words": {"$in": search_words.beginnings(word)}}


def _count(condition: Document) -> int:
    """Count up to one more than are read."""
    rows = documents.aggregate(
        Order, [{"$match": condition}, {"$limit": MOST_READ + 1}, {"$count": "counted"}], index=_INDEX
    )
    return rows[0]["counted"] if rows else 0


def _of_accounts(request: HttpRequest, text: str) -> list[ObjectId]:
    """Return orders of accounts whose address has changed since."""
    if "@" not in text or not (customers := keys_of(request, User, "email", normalize_email(text))):
        return []
    own = Order.objects.filter(user__in=customers).order_by("-pk")
    return list(own.values_list("pk", flat=True)[:MOST_SHOWN])
