"""Limits on the stock held by unpaid orders, against denial of inventory.

They are per customer (a guest: per cart) and network address.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bson import ObjectId
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from cart.owners import CartOwner
from orders.errors import TooManyUnpaidOrders, TooManyUnpaidOrdersHere
from orders.models import Order
from shop import jobs
from shop.db import documents
from shop.db.documents import Document, Pipeline
from shop.jobs import Cursor
from shop.jobs.retention import update_in_batches

# Time for which a hold that ended unpaid counts.
EXPIRED_COUNTS_FOR = timedelta(days=1)
# Each further expired hold halves a customer's limits.
FREE_EXPIRIES = 3
# Share of a limit that is reported to staff.
NEAR = 0.8


def digest(network_address: str) -> str:
    """Return a keyed digest of the address, or "" while rate limits are off."""
    if not settings.RATE_LIMITS or not network_address:
        return ""
    return salted_hmac("orders.holds", network_address, algorithm="sha256").hexdigest()


class Holder(NamedTuple):
    """The holds of a customer, or of a network address (``user`` is None)."""

    user: ObjectId | None = None
    placed_from: str = ""
    orders: int = 0
    pieces: int = 0
    expired_orders: int = 0
    expired_pieces: int = 0
    # When the first of the open holds ends.
    first_end: datetime | None = None

    @property
    def is_suspicious(self) -> bool:
        if self.user is None:
            most = settings.UNPAID_PIECES_PER_ADDRESS
            return self.pieces >= most * NEAR or self.expired_pieces >= most
        # The stricter limits: the e-mail address may be unverified.
        return (
            self.orders >= settings.UNPAID_ORDERS_UNVERIFIED
            or self.pieces >= settings.UNPAID_PIECES_UNVERIFIED * NEAR
            or self.expired_orders > FREE_EXPIRIES
        )


_IS_EXPIRED = {"$gt": ["$expired_at", None]}
_PIECES = {"$sum": "$lines.quantity"}
_SUMS = {
    "orders": {"$sum": {"$cond": [_IS_EXPIRED, 0, 1]}},
    "pieces": {"$sum": {"$cond": [_IS_EXPIRED, 0, _PIECES]}},
    "expired_orders": {"$sum": {"$cond": [_IS_EXPIRED, 1, 0]}},
    "expired_pieces": {"$sum": {"$cond": [_IS_EXPIRED, _PIECES, 0]}},
    "first_end": {"$min": "$expires_at"},
}


def lookups(*, owner: CartOwner, placed_from: str) -> Pipeline:
    """Return stages that add the holds to a cart; they read only as many orders as reach the limits.

    A guest's are those of the cart: by e-mail address, strangers could use up the limit and see who ordered.
    """
    holder = {"user_id": owner.user.pk, "claimed_at": None} if owner.user is not None else {}
    of_cart = {} if owner.user is not None else {"localField": "_id", "foreignField": "cart"}
    # An order has at least one piece; expired ones count up to twice the limit.
    most_here = 3 * settings.UNPAID_PIECES_PER_ADDRESS
    most_own = settings.UNPAID_ORDERS_PER_CUSTOMER + FREE_EXPIRIES + settings.UNPAID_PIECES_PER_CUSTOMER.bit_length()
    return [
        _lookup({**holder, "placed_from": {"$gt": ""}}, limit=most_own, name="own_holds", join=of_cart),
        _lookup({"placed_from": placed_from}, limit=most_here, name="holds_here"),
    ]


def _lookup(holder: Document, *, limit: int, name: str, join: Document | None = None) -> Document:
    pipeline: Pipeline = [
        {"$match": {**holder, "expired_at": {"$not": {"$lt": timezone.now() - EXPIRED_COUNTS_FOR}}}},
        # Open orders (null) first, by the index.
        {"$sort": {"expired_at": 1}},
        {"$limit": limit},
        {"$group": {"_id": None, **_SUMS}},
        {"$unset": "_id"},
    ]
    return {"$lookup": {"from": Order._meta.db_table, **(join or {}), "pipeline": pipeline, "as": name}}


def require_allowed(cart_document: Document, *, owner: CartOwner, pieces: int) -> None:
    """Raise ``TooManyUnpaidOrders`` or ``TooManyUnpaidOrdersHere`` if another order would exceed the limits.

    ``cart_document`` has the fields that :func:`lookups` added. A customer's concurrent orders conflict on the cart;
    those of others at the address are not seen.
    """
    own, here = (Holder(**sums) for name in ("own_holds", "holds_here") for sums in cart_document[name] or [{}])
    if owner.user is not None and owner.user.email_verified:
        most_orders, most_pieces = settings.UNPAID_ORDERS_PER_CUSTOMER, settings.UNPAID_PIECES_PER_CUSTOMER
    else:
        most_orders, most_pieces = settings.UNPAID_ORDERS_UNVERIFIED, settings.UNPAID_PIECES_UNVERIFIED
    halvings = max(0, own.expired_orders - FREE_EXPIRIES)
    most_orders, most_pieces = max(1, most_orders >> halvings), max(1, most_pieces >> halvings)
    if own.orders >= most_orders:
        raise TooManyUnpaidOrders
    if own.pieces + pieces > most_pieces:
        raise TooManyUnpaidOrders(
            f"Your unpaid orders may hold {most_pieces} units in total. Order fewer, or pay for an open order first."
        )
    most_here = settings.UNPAID_PIECES_PER_ADDRESS
    # At least a quarter, because honest customers may share the address.
    most_here = max(1, most_here >> min(2, here.expired_pieces // most_here))
    if here.pieces + pieces > most_here:
        left = (here.first_end.replace(tzinfo=UTC) - timezone.now()).total_seconds() if here.first_end else 0
        raise TooManyUnpaidOrdersHere(wait=max(1, math.ceil(left)))


def suspicious_holders() -> list[Holder]:
    holders = [*_holders("user_id"), *_holders("placed_from")]
    return sorted((each for each in holders if each.is_suspicious), key=lambda each: -each.pieces)


def _holders(column: str) -> list[Holder]:
    since = timezone.now() - EXPIRED_COUNTS_FOR
    counted = {"claimed_at": None} if column == "user_id" else {}
    pipeline: Pipeline = [
        {
            "$match": {
                "placed_from": {"$gt": ""},
                **counted,
                "$or": [{"expired_at": None}, {"expired_at": {"$gte": since}}],
            }
        },
        {"$group": {"_id": f"${column}", **_SUMS}},
        # Detached orders have no user.
        {"$match": {"_id": {"$ne": None}}},
        {"$set": {column.removesuffix("_id"): "$_id"}},
        {"$unset": "_id"},
    ]
    return [Holder(**row) for row in documents.aggregate(Order, pipeline)]


def orders_at_limits(holders: Sequence[Holder] | None = None) -> Q:
    holders = suspicious_holders() if holders is None else holders
    users = [each.user for each in holders if each.user]
    addresses = [each.placed_from for each in holders if not each.user]
    counted = Q(expired_at=None) | Q(expired_at__gte=timezone.now() - EXPIRED_COUNTS_FOR)
    return Q(placed_from__gt="") & counted & (Q(user__in=users, claimed_at=None) | Q(placed_from__in=addresses))


@jobs.every_in_slices(3600, name="orders.forget_expired_holds")
def clear_expired_holds(cursor: Cursor) -> Cursor:
    over = Order.objects.filter(placed_from__gt="", expired_at__lt=timezone.now() - EXPIRED_COUNTS_FOR)
    return update_in_batches(over, placed_from="")
