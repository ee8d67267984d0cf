"""Limits on the stock that unpaid orders hold, so that no one takes a shop's stock off sale for nothing.

A customer may have so many open unpaid orders, with so many pieces in them, and fewer while the e-mail address is not
verified. A network address may be shared by hundreds of customers, and any of them may buy the last pieces of a
variant: its limit is on the pieces that all its accounts hold together, neither on orders nor on shares of a variant.
An order that waits for its bank counts like any other. Holds that end unpaid, because they expire or the customer
cancels, count for a day: those who let that happen again and again may hold less and less.

The sums are read in the transaction that places the order, by the command that reads the cart. Placing an order writes
the customer's cart, so that of two orders of one customer at once the second is tried again and sees the first: the
limits of a customer are exact. No customer waits for another one, so orders that different customers at one address
place in the same moment do not see each other; its limit may be passed by what was being placed right then.
"""

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
from shop import documents, jobs
from shop.documents import Document, Pipeline

# How long an order whose hold ended unpaid counts.
EXPIRED_COUNTS_FOR = timedelta(days=1)
# So many of these orders of a customer are nothing; each further one halves what the customer may hold.
FREE_EXPIRIES = 3
# From this share of a limit on staff see who comes near it.
NEAR = 0.8


def digest(network_address: str) -> str:
    """Return what orders and payments keep of a network address; nothing while rate limits are off."""
    if not settings.RATE_LIMITS or not network_address:
        return ""
    return salted_hmac("orders.holds", network_address, algorithm="sha256").hexdigest()


def lookup(*, user: User, placed_from: str, name: str) -> Document:
    """Return the stage that adds what this customer and this network address hold, for :func:`require_allowed`."""
    held = {"$or": [{"placed_from": {"$gt": ""}, "user_id": user.pk}, {"placed_from": placed_from}]}
    pipeline: Pipeline = [
        {"$match": {**held, "expired_at": {"$not": {"$lt": timezone.now() - EXPIRED_COUNTS_FOR}}}},
        {
            "$group": {
                "_id": {
                    "is_customers": {"$eq": ["$user_id", user.pk]},
                    "is_here": {"$eq": ["$placed_from", placed_from]},
                    "is_expired": {"$gt": ["$expired_at", None]},
                },
                "orders": {"$sum": 1},
                "pieces": {"$sum": {"$sum": "$lines.quantity"}},
                "first_end": {"$min": "$expires_at"},
            }
        },
    ]
    return {"$lookup": {"from": Order._meta.db_table, "pipeline": pipeline, "as": name}}


def require_allowed(held: Sequence[Document], *, user: User, pieces: int) -> None:
    """Allow one more unpaid order with so many pieces.

    Raises :class:`TooManyUnpaidOrders`, :class:`TooManyUnpaidOrdersHere`.
    """
    _require_allowed_to_customer(held, user=user, pieces=pieces)
    _require_allowed_at_address(held, pieces=pieces)


class Holder(NamedTuple):
    """A customer, or a network address by its digest, with what unpaid orders of theirs hold, and held lately."""

    user: ObjectId | None
    placed_from: str
    orders: int
    pieces: int
    expired_orders: int
    expired_pieces: int

    @property
    def is_suspicious(self) -> bool:
        """Whether it is near its limit, or its holds end unpaid again and again."""
        if self.user is None:
            most = settings.UNPAID_PIECES_PER_ADDRESS
            return self.pieces >= most * NEAR or self.expired_pieces >= most
        # The stricter limits, for whether the address is verified is not known here.
        return (
            self.orders >= settings.UNPAID_ORDERS_UNVERIFIED
            or self.pieces >= settings.UNPAID_PIECES_UNVERIFIED * NEAR
            or self.expired_orders > FREE_EXPIRIES
        )


def suspicious_holders() -> list[Holder]:
    """Return the customers and network addresses at their limits, those that hold most first. For staff to look at."""
    holders = [*_holders("user_id"), *_holders("placed_from")]
    return sorted(filter(lambda each: each.is_suspicious, holders), key=lambda each: -each.pieces)


def orders_at_limits(holders: Sequence[Holder] | None = None) -> Q:
    """Return the condition that matches the counted orders of these holders; of the suspicious ones unless given."""
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
    own = [row for row in held if row["_id"]["is_customers"]]
    expiries = sum(row["orders"] for row in own if row["_id"]["is_expired"])
    halvings = max(0, expiries - FREE_EXPIRIES)
    most_orders, most_pieces = max(1, most_orders >> halvings), max(1, most_pieces >> halvings)
    open_now = [row for row in own if not row["_id"]["is_expired"]]
    if sum(row["orders"] for row in open_now) >= most_orders:
        raise TooManyUnpaidOrders
    if sum(row["pieces"] for row in open_now) + pieces > most_pieces:
        raise TooManyUnpaidOrders(
            f"Your unpaid orders may hold {most_pieces} pieces together. Order fewer, or pay for an open order first."
        )


def _require_allowed_at_address(held: Sequence[Document], *, pieces: int) -> None:
    here = [row for row in held if row["_id"]["is_here"]]
    most = settings.UNPAID_PIECES_PER_ADDRESS
    expired = sum(row["pieces"] for row in here if row["_id"]["is_expired"])
    # No less than a quarter: behind a shared address there are people who mean to pay.
    most = max(1, most >> min(2, expired // most))
    open_now = [row for row in here if not row["_id"]["is_expired"]]
    if sum(row["pieces"] for row in open_now) + pieces > most:
        ends = [row["first_end"] for row in open_now if row["first_end"] is not None]
        left = (min(ends).replace(tzinfo=UTC) - timezone.now()).total_seconds() if ends else 0
        raise TooManyUnpaidOrdersHere(wait=max(1, math.ceil(left)))


@jobs.every(3600, name="orders.forget_expired_holds")
def forget_expired_holds() -> int:
    """Delete the digests of network addresses from expired orders that do not count any more."""
    over = Order.objects.filter(placed_from__gt="", expired_at__lt=timezone.now() - EXPIRED_COUNTS_FOR)
    return over.update(placed_from="")
