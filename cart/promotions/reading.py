"""Promotions of a cart, read with it by one command."""

from django.utils import timezone

from cart.promotions.models import Promotion, PromotionUse
from shop.db import documents
from shop.db.documents import Document, Pipeline

# At most this many automatic promotions are read, those of highest priority.
MAX_AUTOMATIC = 100

_FREE_USE: Document = {
    "$lookup": {
        "from": PromotionUse._meta.db_table,
        "localField": "_id",
        "foreignField": "coupon_id",
        "pipeline": [{"$match": {"order_number": ""}}, {"$limit": 1}, {"$project": {"_id": 1}}],
        "as": "free_use",
    }
}
_IS_CODED = {"automatic": {"$ne": True}}


def lookups() -> Pipeline:
    """Return stages that add its promotions to the document of a cart."""
    table = Promotion._meta.db_table
    by_code = {"localField": "coupon", "foreignField": "code", "pipeline": [{"$match": _IS_CODED}, _FREE_USE]}
    return [
        {"$lookup": {"from": table, **by_code, "as": "coded"}},
        {"$lookup": {"from": table, "pipeline": _automatic(), "as": "automatic"}},
    ]


def _automatic() -> Pipeline:
    now = timezone.now()
    is_current = {"valid_from": {"$not": {"$gt": now}}, "valid_until": {"$not": {"$lte": now}}}
    return [
        {"$match": {"automatic": True, "is_active": True, **is_current}},
        {"$sort": {"priority": -1, "_id": 1}},
        {"$limit": MAX_AUTOMATIC},
        _FREE_USE,
    ]


def promotions_of(document: Document) -> list[Promotion]:
    """Return what :func:`lookups` added: the promotion of the cart's code, and the automatic ones."""
    return [_instance(each) for each in (*document["coded"], *document["automatic"])]


def find_automatic() -> list[Promotion]:
    return [_instance(document) for document in documents.aggregate(Promotion, _automatic())]


def find(code: str) -> Promotion | None:
    """Return the promotion with a code."""
    match = {"code": {"$eq": code}, **_IS_CODED}
    rows = documents.aggregate(Promotion, [{"$match": match}, _FREE_USE])
    return _instance(rows[0]) if rows else None


def _instance(document: Document) -> Promotion:
    promotion = documents.instance(Promotion, document)
    promotion.has_free_use = bool(document["free_use"])
    return promotion
