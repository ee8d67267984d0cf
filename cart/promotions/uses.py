"""Uses of promotions, counted without a document that all orders write.

Each use is a row. Rows without an order are free; they are added in batches, up to the promotion's limit, and `used`
counts all rows. An order reserves a row with one atomic write before its transaction, which confirms it: a conflict
between orders costs neither of them its transaction. Rows that are reserved but not confirmed are given back.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bson import ObjectId
from django.db import DatabaseError, IntegrityError
from django.utils import timezone
from pymongo import UpdateMany, UpdateOne
from pymongo.errors import PyMongoError

from accounts.models import User
from cart.errors import InvalidCoupon, UsageLimitTooLow
from cart.promotions.customers import Customer
from cart.promotions.models import FIRST_RESERVATION, Promotion, PromotionUse
from shop import jobs
from shop.api.errors import DatabaseUnavailable
from shop.db import documents
from shop.db.batches import first_keys
from shop.db.deadline import clean_up_time
from shop.db.documents import Document
from shop.db.transactions import TransactionContention, queue_for, transactional
from shop.jobs import Cursor, TimeLimit

# Free rows that are added at once.
BATCH = 50
# Longer than a request takes.
RESERVED_FOR = timedelta(minutes=1)
# For a customer's concurrent orders.
ATTEMPTS = 20

_FREE: Document = {"order_number": "", "user_id": None, "email_digest": "", "number": None, "reserved_at": None}


class UsesNotReserved(Exception):
    """The order's transaction must start over, once these promotions are reserved."""

    def __init__(self, promotions: Sequence[Promotion]) -> None:
        self.promotions = promotions


@dataclass
class Reservations:
    """The uses that an order reserves before its transaction."""

    order_number: str
    customer: Customer
    # Ids of uses by promotion.
    rows: dict[ObjectId, ObjectId] = field(default_factory=dict)
    # Automatic promotions that reached a limit.
    exhausted: set[ObjectId] = field(default_factory=set)
    # Promotions of which the latest attempt confirmed the use.
    confirmed: set[ObjectId] = field(default_factory=set)

    def usable(self, promotions: Sequence[Promotion]) -> list[Promotion]:
        """Return those that are not exhausted; one that this order has reserved counts as having a free use."""
        for promotion in promotions:
            promotion.has_free_use |= promotion.pk in self.rows
        return [promotion for promotion in promotions if promotion.pk not in self.exhausted]

    def require(self, promotions: Sequence[Promotion]) -> None:
        """Raise ``UsesNotReserved`` unless each is reserved."""
        if missing := [promotion for promotion in promotions if promotion.pk not in self.rows]:
            raise UsesNotReserved(missing)

    def reserve(self, promotions: Sequence[Promotion]) -> None:
        """Call it outside transactions. Raises ``InvalidCoupon`` if the limit of a code is reached."""
        for promotion in promotions:
            try:
                self.rows[promotion.pk] = self._reserve_use(promotion)
            except InvalidCoupon:
                if not promotion.automatic:
                    raise
                self.exhausted.add(promotion.pk)

    def confirm(self, promotions: Sequence[Promotion]) -> None:
        """Call it in the order's transaction. Raises ``UsesNotReserved`` if a reservation was given back."""
        self.confirmed = {promotion.pk for promotion in promotions}
        change = {"reserved_at": None, "created_at": timezone.now()}
        if self._update(self.confirmed, change) < len(promotions):
            self.rows.clear()
            raise UsesNotReserved(promotions)

    def give_back(self, promotions: Iterable[ObjectId]) -> None:
        """Free those uses that are not confirmed."""
        self._update(promotions, _FREE)

    def _update(self, promotions: Iterable[ObjectId], change: Document) -> int:
        is_own = {"order_number": self.order_number, "reserved_at": {"$ne": None}}
        rows = [self.rows[promotion] for promotion in promotions]
        return documents.bulk_write(PromotionUse, [UpdateOne({"_id": row, **is_own}, {"$set": change}) for row in rows])

    def _reserve_use(self, promotion: Promotion) -> ObjectId:
        for _ in range(ATTEMPTS):
            change = self._reservation(promotion)
            try:
                row = documents.find_one_and_update(
                    PromotionUse, {"coupon_id": promotion.pk, "order_number": ""}, {"$set": change}
                )
            except IntegrityError:
                # Another order of the customer took the number.
                continue
            if row is not None:
                return row["_id"]
            if _is_used_up(promotion.pk) or not _add_free_uses(promotion_id=promotion.pk):
                raise InvalidCoupon("This coupon has reached its usage limit.", attr="code")
        raise TransactionContention

    def _reservation(self, promotion: Promotion) -> Document:
        return {
            "order_number": self.order_number,
            "user_id": self.customer.user.pk if self.customer.user else None,
            "email_digest": self.customer.digest,
            "number": self._next_number(promotion),
            "reserved_at": timezone.now(),
        }

    def _next_number(self, promotion: Promotion) -> int | None:
        """Return the customer's first free number, which a unique index gives to one order.

        Raises ``InvalidCoupon``.
        """
        most = promotion.most_per_customer
        if most is None or not self.customer.digest:
            return None
        match = {"coupon_id": promotion.pk, "order_number": {"$ne": ""}, "$or": self.customer.matches}
        numbers = [row.get("number") for row in documents.aggregate(PromotionUse, [{"$match": match}])]
        taken = {number for number in numbers if number is not None}
        # Uses of earlier releases have no number.
        most -= len(numbers) - len(taken)
        if len(taken) >= most:
            raise InvalidCoupon("You have reached the usage limit of this coupon.", attr="code")
        return next(number for number in range(most) if number not in taken)


@contextlib.contextmanager
def reservations(*, order_number: str, customer: Customer) -> Iterator[Reservations]:
    """Give back what the block did not confirm; if the database is away, the worker does."""
    reserved = Reservations(order_number=order_number, customer=customer)
    unused: Iterable[ObjectId] = reserved.rows
    try:
        yield reserved
        unused = reserved.rows.keys() - reserved.confirmed
    finally:
        with contextlib.suppress(DatabaseError, DatabaseUnavailable, PyMongoError), clean_up_time():
            reserved.give_back(unused)


def _is_used_up(promotion_id: ObjectId) -> bool:
    """Return whether the limit is reached. No transaction: most calls come after the last use is gone."""
    promotion = documents.find_one(Promotion, {"_id": promotion_id})
    if promotion is None:
        return True
    return promotion.usage_limit is not None and promotion.used >= promotion.usage_limit


@transactional("cart.add_free_uses")
def _add_free_uses(*, promotion_id: ObjectId) -> bool:
    """Return whether the promotion has a free use."""
    queue_for([promotion_id])
    promotion = Promotion.objects.filter(pk=promotion_id).first()
    if promotion is None:
        return False
    if PromotionUse.objects.filter(promotion=promotion_id, order_number="").exists():
        # Another order added them, or gave one back.
        return True
    left = BATCH if promotion.usage_limit is None else promotion.usage_limit - promotion.used
    if left <= 0:
        return False
    added = min(BATCH, left)
    documents.update_one(Promotion, {"_id": promotion_id}, {"$inc": {"used": added}})
    documents.insert(*(PromotionUse(promotion_id=promotion_id, order_number="") for _ in range(added)))
    return True


@transactional("cart.fit_to_limit")
def fit_to_limit(*, promotion_id: ObjectId, limit: int | None) -> None:
    """Delete the free uses beyond a new limit. Call it in the transaction that writes the limit.

    Raises ``UsageLimitTooLow``.
    """
    promotion = Promotion.objects.get(pk=promotion_id)
    excess = promotion.used - limit if limit is not None else 0
    if excess <= 0:
        return
    free, _ = first_keys(PromotionUse.objects.filter(promotion=promotion_id, order_number=""), limit=excess)
    if len(free) < excess:
        used = f"It was already used {promotion.used - len(free)} times. Deactivate the promotion to end it now."
        raise UsageLimitTooLow(used, attr="usage_limit")
    documents.delete_many(PromotionUse, {"_id": {"$in": free}})
    documents.update_one(Promotion, {"_id": promotion_id}, {"$inc": {"used": -excess}})


def release(*, order_numbers: Sequence[str]) -> None:
    """Free the uses of cancelled orders. Call it in a transaction."""
    of_orders = {"order_number": {"$in": list(order_numbers)}}
    documents.bulk_write(PromotionUse, [UpdateMany(of_orders, {"$set": _FREE})])


def attach(*, user: User, order_numbers: Sequence[str]) -> None:
    """Make them the account's. Call it in the transaction in which it claims a guest's orders."""
    PromotionUse.objects.filter(order_number__in=order_numbers).update(user=user)


def forget_customers(*, order_numbers: Sequence[str]) -> None:
    """Erase who used promotions in these orders: no customer's limit counts the uses then. Call it in a transaction."""
    PromotionUse.objects.filter(order_number__in=order_numbers).update(user=None, email_digest="", number=None)


@jobs.every_in_slices(30, name="cart.return_reserved_uses")
def return_reserved_uses(cursor: Cursor) -> Cursor:
    """Free the uses that a process reserved before it died."""
    late = timezone.now() - RESERVED_FOR
    rows = documents.aggregate(
        PromotionUse, [{"$match": {"reserved_at": {"$gte": FIRST_RESERVATION, "$lt": late}}}, {"$limit": 500}]
    )
    for row in TimeLimit().limit(rows):
        # If the order has been placed, nothing matches; if it is being placed, the two writes conflict.
        documents.update_one(PromotionUse, {"_id": row["_id"], "reserved_at": row["reserved_at"]}, {"$set": _FREE})
    return True if rows else None
