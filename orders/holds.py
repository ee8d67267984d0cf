"""Limits on the stock held by unpaid orders, per customer and network address, against denial of inventory."""

import math
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import NamedTuple

from bson import ObjectId
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import User
from orders.errors import TooManyUnpaidOrders, TooManyUnpaidOrdersHere
from orders.models import Order
from shop import jobs
from shop.db import documents
from shop.db.documents import Document, Pipeline

# Time for which a hold that ended unpaid counts.
EXPIRED_COUNTS_FOR = timedelta(days=1)
# Each further expired hold halves a customer's limits.
FREE_EXPIRIES = 3
# Share of a limit that is reported to staff.
NEAR = 0.8


def digest(network_address: str) -> str:
    """Return "" while rate limits are off."""
    if not settings.RATE_LIMITS or not network_address:
        return ""
    return salted_hmac("orders.holds", network_address, algorithm="sha256").hexdigest()


class Held(NamedTuple):
    """``own`` and ``here`` have one row of open and one of expired holds."""

    own: Sequence[Document] = ()
    here: Sequence[Document] = ()


def lookups(*, user: User, placed_from: str) -> Pipeline:
    """Return stages that add the holds; they read only as many orders as reach the limits."""
    own = {"user_id": user.pk, "placed_from": {"$gt": ""}}
    # An order has at least one piece; expired ones count up to twice the limit.
    most_here = 3 * settings.UNPAID_PIECES_PER_ADDRESS
    most_own = settings.UNPAID_ORDERS_PER_CUSTOMER + FREE_EXPIRIES + settings.UNPAID_PIECES_PER_CUSTOMER.bit_length()
    return [
        _lookup(own, limit=most_own, name="own_holds"),
        _lookup({"placed_from": placed_from}, limit=most_here, name="holds_here"),
    ]


def _lookup(holder: Document, *, limit: int, name: str) -> Document:
    pipeline: Pipeline = [
        {"$match": {**holder, "expired_at": {"$not": {"$lt": timezone.now() - EXPIRED_COUNTS_FOR}}}},
        # Open orders (null) first, by the index.
        {"$sort": {"expired_at": 1}},
        {"$limit": limit},
        {
            "$group": {
                "_id": {"$gt": ["$expired_at", None]},
                "orders": {"$sum": 1},
                "pieces": {"$sum": {"$sum": "$lines.quantity"}},
                "first_end": {"$min": "$expires_at"},
            }
        },
    ]
    return {"$lookup": {"from": Order._meta.db_table, "pipeline": pipeline, "as": name}}


def held_in(document: Document) -> Held:
    """Return the holds that :func:`lookups` added."""
    return Held(document.get("own_holds", ()), document.get("holds_here", ()))


def require_allowed(held: Held, *, user: User, pieces: int) -> None:
    """Raise ``TooManyUnpaidOrders`` or ``TooManyUnpaidOrdersHere`` if another order would exceed the limits.

    A customer's concurrent orders conflict on the cart; those of others at the address are not seen.
    """
    _require_allowed_to_customer(held.own, user=user, pieces=pieces)
    _require_allowed_at_address(held.here, pieces=pieces)


class Holder(NamedTuple):
    """A customer, or a network address (``user`` is None)."""

    user: ObjectId | None
    placed_from: str
    orders: int
    pieces: int
    expired_orders: int
    expired_pieces: int

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


def suspicious_holders() -> list[Holder]:
    holders = [*_holders("user_id"), *_holders("placed_from")]
    return sorted(filter(lambda each: each.is_suspicious, holders), key=lambda each: -each.pieces)


def orders_at_limits(holders: Sequence[Holder] | None = None) -> Q:
    holders = suspicious_holders() if holders is None else holders
    users = [each.user for each in holders if each.user]
    addresses = [each.placed_from for each in holders if not each.user]
    counted = Q(expired_at=None) | Q(expired_at__gte=timezone.now() - EXPIRED_COUNTS_FOR)
    return Q(placed_from__gt="") & counted & (Q(user__in=users) | Q(placed_from__in=addresses))


def _holders(column: str) -> list[Holder]:
    since = timezone.now() - EXPIRED_COUNTS_FOR
    is_expired = {"$gt": ["$expired_at", None]}
    pieces = {"$sum": "$lines.quantity"}
    pipeline = [
        {"$match": {"placed_from": {"$gt": ""}, "$or": [{"expired_at": None}, {"expired_at": {"$gte": since}}]}},
        {
            "$group": {
                "_id": f"${column}",
                "orders": {"$sum": {"$cond": [is_expired, 0, 1]}},
                "pieces": {"$sum": {"$cond": [is_expired, 0, pieces]}},
                "expired_orders": {"$sum": {"$cond": [is_expired, 1, 0]}},
                "expired_pieces": {"$sum": {"$cond": [is_expired, pieces, 0]}},
            }
        },
    ]
    rows = documents.aggregate(Order, pipeline)
    named = [(row.pop("_id"), row) for row in rows]
    is_user = column == "user_id"
    return [Holder(who if is_user else None, "" if is_user else who, **row) for who, row in named if who]


def _require_allowed_to_customer(held: Sequence[Document], *, user: User, pieces: int) -> None:
    if user.email_verified:
        most_orders, most_pieces = settings.UNPAID_ORDERS_PER_CUSTOMER, settings.UNPAID_PIECES_PER_CUSTOMER
    else:
        most_orders, most_pieces = settings.UNPAID_ORDERS_UNVERIFIED, settings.UNPAID_PIECES_UNVERIFIED
    expiries = sum(row["orders"] for row in held if row["_id"])
    halvings = max(0, expiries - FREE_EXPIRIES)
    most_orders, most_pieces = max(1, most_orders >> halvings), max(1, most_pieces >> halvings)
    open_now = [row for row in held if not row["_id"]]
    if sum(row["orders"] for row in open_now) >= most_orders:
        raise TooManyUnpaidOrders
    if sum(row["pieces"] for row in open_now) + pieces > most_pieces:
        raise TooManyUnpaidOrders(
            f"Your unpaid orders may hold {most_pieces} units in total. Order fewer, or pay for an open order first."
        )


def _require_allowed_at_address(held: Sequence[Document], *, pieces: int) -> None:
    most = settings.UNPAID_PIECES_PER_ADDRESS
    expired = sum(row["pieces"] for row in held if row["_id"])
    # At least a quarter, because honest customers may share the address.
    most = max(1, most >> min(2, expired // most))
    open_now = [row for row in held if not row["_id"]]
    if sum(row["pieces"] for row in open_now) + pieces > most:
        ends = [row["first_end"] for row in open_now if row["first_end"] is not None]
        left = (min(ends).replace(tzinfo=UTC) - timezone.now()).total_seconds() if ends else 0
        raise TooManyUnpaidOrdersHere(wait=max(1, math.ceil(left)))


@jobs.every(3600, name="orders.forget_expired_holds")
def forget_expired_holds() -> int:
    over = Order.objects.filter(placed_from__gt="", expired_at__lt=timezone.now() - EXPIRED_COUNTS_FOR)
    return over.update(placed_from="")
