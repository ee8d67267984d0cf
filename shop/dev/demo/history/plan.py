"""Sizes, ids, dates and amounts of a shop with two years of trading."""

import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from bson import Decimal128, ObjectId
from django.conf import settings
from django.utils import timezone

from orders.models import NUMBER_ALPHABET
from payments.currencies import to_minor_units
from shop import days, money

DAY = 24 * 3600.0
SPAN = 730 * DAY
# Half of the products and customers arrived in this time before the first order.
_OPENING = 60 * DAY
# One of this number of customers has deleted the account.
DELETED_EVERY = 20
MOST_ORDERS_OF_REGULAR = 5_000
_EPOCH = datetime(1970, 1, 1)
_LETTERS = len(NUMBER_ALPHABET)
# Relatively prime to the number of order numbers.
_NUMBER_STEP = 271_828_182_845_907


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers of rows; payments, movements, reviews, events and the like follow from the orders."""

    orders: int = 0
    products: int = 0
    customers: int = 0
    guest_carts: int = 0
    # Refresh tokens, known networks, rate limits and idempotency keys.
    tokens: int = 0

    @classmethod
    def of_shop(cls, orders: int, *, products: int | None = None) -> "Sizes":
        """Return the sizes of a shop with this number of orders."""
        return cls(
            orders=orders,
            products=max(10, orders * 2 // 5) if products is None else products,
            customers=max(10, orders * 2 // 5),
            guest_carts=orders * 3 // 5,
            tokens=orders,
        )

    def __post_init__(self) -> None:
        if self.orders and min(self.products, self.customers) < 10:
            raise ValueError("Orders need at least 10 products and customers.")


class Plan:
    """Ids and dates that follow from a number: rows refer to others that are not written yet.

    Moments are seconds since 1970.
    """

    def __init__(self, sizes: Sizes, *, seed: int) -> None:
        self.sizes, self._seed = sizes, seed
        self.now = timezone.now().timestamp()
        self.start = self.now - SPAN
        self._tags: dict[str, bytes] = {}
        # The last orders are those of today, some of which are not paid.
        self.orders_today = min(sizes.orders, max(3, sizes.orders // 1000))
        self.orders_before = sizes.orders - self.orders_today
        regular = min(MOST_ORDERS_OF_REGULAR, max(1, sizes.orders // 100))
        self.regular_every = max(1, sizes.orders // regular)

    def id(self, kind: str, number: int, moment: float) -> ObjectId:
        """Return the ``number``-th id of a kind, made at ``moment``."""
        tag = self._tags.get(kind)
        if tag is None:
            tag = self._tags[kind] = hashlib.sha256(f"{self._seed} {kind}".encode()).digest()[:5]
        return ObjectId(int(moment).to_bytes(4) + tag + number.to_bytes(3))

    def arrival(self, number: int, count: int) -> float:
        """Return when the customer or product joined the shop."""
        share = 2 * number / count
        return self.start - _OPENING * (1 - share) if share < 1 else self.start + SPAN * (share - 1) * 0.99

    def arrived(self, count: int, moment: float) -> int:
        """Return how many of ``count`` had joined, at least half."""
        share = 0.5 + 0.5 * (moment - self.start) / SPAN / 0.99
        return max(1, min(count, int(count * share)))

    def is_deleted(self, customer: int) -> bool:
        return customer % DELETED_EVERY == DELETED_EVERY - 1

    def deleted_at(self, customer: int) -> float:
        joined = self.arrival(customer, self.sizes.customers)
        return joined + (self.now - joined) * (customer * 0.618 % 1)

    def customer_id(self, number: int) -> ObjectId:
        return self.id("customer", number, self.arrival(number, self.sizes.customers))

    def cart_id(self, customer: int) -> ObjectId:
        return self.id("cart", customer, self.arrival(customer, self.sizes.customers))

    def product_id(self, number: int) -> ObjectId:
        return self.id("product", number, self.arrival(number, self.sizes.products))

    def variant_id(self, number: int) -> ObjectId:
        return self.id("variant", number, self.arrival(number, self.sizes.products))

    def ordered_at(self, number: int, share: float) -> float:
        """``share``: of the time until the next order."""
        if number < self.orders_before:
            return self.start + (SPAN - DAY) * (number + share) / self.orders_before
        return self.now - DAY + DAY * (number - self.orders_before + share) / self.orders_today

    def order_number(self, number: int) -> str:
        """Return distinct numbers that reveal no order."""
        rest = (number * _NUMBER_STEP + self._seed * 7919) % _LETTERS**10
        letters = []
        for _ in range(10):
            rest, letter = divmod(rest, _LETTERS)
            letters.append(NUMBER_ALPHABET[letter])
        return "".join(letters[:5]) + "-" + "".join(letters[5:])


def at(moment: float) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(moment * 1000))


def day_of(moment: float) -> datetime:
    """Return the day in the shop's time zone, as MongoDB stores it."""
    return datetime.combine(datetime.fromtimestamp(moment, UTC).astimezone(days.zone()).date(), time.min)


class Amounts:
    """Calculate in smallest steps of the currency, such as cents."""

    def __init__(self) -> None:
        self.currency = settings.CURRENCY
        self._step = money.smallest_step(self.currency)
        places = money.decimal_places(self.currency)
        self._per_step = int(self._step.scaleb(places))
        self.minor_per_step = to_minor_units(self._step, self.currency)
        # The upper half has the exponent; the driver converts decimals slowly, in Python.
        _, self._exponent = struct.unpack("<QQ", Decimal128(Decimal(0).scaleb(-places)).bid)

    def steps(self, amount: Decimal) -> int:
        return int(amount / self._step)

    def stored(self, steps: int) -> Decimal128:
        return Decimal128.from_bid(struct.pack("<QQ", steps * self._per_step, self._exponent))

    def text(self, steps: int) -> str:
        """Return such as ``"24.90 USD"``."""
        return f"{money.display(self._step * steps, self.currency)} {self.currency.upper()}"


def rounded_share(amount: int, numerator: int, denominator: int) -> int:
    """Return the share rounded half-up."""
    return (2 * amount * numerator + denominator) // (2 * denominator)
