"""Promotions of a cart, read with it by one command.

Each process caches the automatic ones and whether there are codes; the command reads the revision of promotions, so
that no cart is priced by an older one.
"""

import copy
from typing import NamedTuple

from django.utils import timezone

from cart.promotions.models import Promotion, PromotionUse
from cart.revisions import LOOKUP, PROMOTIONS, revision_in
from shop.db import documents
from shop.db.caches import TTLCache
from shop.db.documents import Document, Pipeline

# At most this many automatic promotions are read, those of highest priority.
MAX_AUTOMATIC = 100


class _Known(NamedTuple):
    """The promotions of a revision."""

    revision: int
    # All that have not ended; None if they are too many, or if one has a limit of uses: carts then read them.
    automatic: list[Promotion] | None
    has_codes: bool


# The lifetime limits the effect of changes that bypass the models.
_known: TTLCache[_Known] = TTLCache(seconds=60, maxsize=1)

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


def lookups(*, coupon: str = "coupon") -> Pipeline:
    """Return stages that add a cart's promotions to a document; ``coupon`` is the path of its code there."""
    stages = [LOOKUP]
    known = _known.get(PROMOTIONS)
    if known is None or known.has_codes:
        by_code = {"localField": coupon, "foreignField": "code"}
        stages.append(_lookup(Promotion, [{"$match": _IS_CODED}, _FREE_USE], name="coded", join=by_code))
    if known is None or known.automatic is None:
        stages.append(_lookup(Promotion, _automatic(), name="automatic"))
    if known is None:
        stages.append(_lookup(Promotion, [{"$match": _not_ended()}, {"$limit": MAX_AUTOMATIC + 1}], name="lasting"))
        one_code: Pipeline = [{"$match": _IS_CODED}, {"$limit": 1}, {"$project": {"_id": 1}}]
        stages.append(_lookup(Promotion, one_code, name="codes"))
    return stages


def _lookup(model: type[Promotion], pipeline: Pipeline, *, name: str, join: Document | None = None) -> Document:
    return {"$lookup": {"from": model._meta.db_table, **(join or {}), "pipeline": pipeline, "as": name}}


def _not_ended() -> Document:
    return {"automatic": True, "is_active": True, "valid_until": {"$not": {"$lte": timezone.now()}}}


def _automatic() -> Pipeline:
    return [
        {"$match": {**_not_ended(), "valid_from": {"$not": {"$gt": timezone.now()}}}},
        {"$sort": {"priority": -1, "_id": 1}},
        {"$limit": MAX_AUTOMATIC},
        _FREE_USE,
    ]


def promotions_of(document: Document, *, coupon: str) -> list[Promotion]:
    """Return what :func:`lookups` added: the promotion of the cart's code, and the automatic ones."""
    revision = revision_in(document, PROMOTIONS)
    if "lasting" in document:
        _remember(document, revision)
    known = _known_of(revision)
    return [*_coded(document, coupon, known), *_automatic_of(document, known)]


def _remember(document: Document, revision: int) -> None:
    lasting = [documents.instance(Promotion, each) for each in document["lasting"]]
    is_fixed = len(lasting) <= MAX_AUTOMATIC and all(each.usage_limit is None for each in lasting)
    has_codes = bool(document["codes"])
    _known.set(PROMOTIONS, _Known(revision, lasting if is_fixed else None, has_codes))


def _known_of(revision: int) -> _Known | None:
    known = _known.get(PROMOTIONS)
    if known is not None and known.revision != revision:
        # The next cart reads them again.
        _known.clear()
        return None
    return known


def _coded(document: Document, code: str, known: _Known | None) -> list[Promotion]:
    if "coded" in document:
        return [_instance(each) for each in document["coded"]]
    if not code or (known is not None and not known.has_codes):
        return []
    # A code was added since this process looked.
    found = find(code)
    return [found] if found else []


def _automatic_of(document: Document, known: _Known | None) -> list[Promotion]:
    if "automatic" in document:
        return [_instance(each) for each in document["automatic"]]
    if known is None or known.automatic is None:
        return find_automatic()
    # Copies: placing an order changes them.
    return [copy.copy(each) for each in known.automatic if each.state == Promotion.State.ACTIVE]


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
