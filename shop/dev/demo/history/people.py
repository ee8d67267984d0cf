"""Customers, carts, tokens and staff."""

import random
from collections.abc import Callable, Sequence
from decimal import Decimal

from bson import ObjectId
from django.contrib.auth.hashers import make_password
from django.db import models

from accounts.models import KnownNetwork, TokenFamily, User
from cart.models import Cart, CartLine
from orders.models import PostalAddress
from shop.api.counters import RateWindow
from shop.api.idempotency import IdempotencyRecord
from shop.audit.staff_log import Action, StaffAction
from shop.dev.demo.bulk import BulkWriter, Document, template
from shop.dev.demo.history.plan import DAY, Amounts, Plan, at

Tick = Callable[[int, int], None]

PASSWORD = "history-password-1"  # noqa: S105
# The customer with one of a hundred orders.
REGULAR = "regular@example.com"

_FIRST = "Ada Ben Cleo Dan Eva Finn Greta Hugo Ida Jan Kira Leo Mia Nils Olga Paul Rosa Sam Tess Uwe Vera Will".split()
_LAST = "Abel Berg Cruz Diaz Ebner Falk Gruber Hahn Ivers Jung Keller Lang Moreau Novak Olsen Peters Roth Smith".split()
# Country, state, city, postal code, tax in thousandths of a per cent, whether shipping is taxed.
PLACES = (
    ("DE", "", "Berlin", "10115", 19_000, True),
    ("US", "CA", "Oakland", "94607", 7_250, False),
    ("DE", "", "Hamburg", "20095", 19_000, True),
    ("GB", "", "London", "SW1Y 4JH", 20_000, True),
    ("US", "NY", "Albany", "12207", 4_000, False),
    ("FR", "", "Lyon", "69001", 20_000, True),
    ("AT", "", "Wien", "1010", 20_000, True),
)


def email(customer: int) -> str:
    return f"customer{customer}@example.com" if customer else REGULAR


def name(customer: int) -> str:
    return f"{_FIRST[customer % len(_FIRST)]} {_LAST[customer // len(_FIRST) % len(_LAST)]}"


class Addresses:
    def __init__(self) -> None:
        self._address = template(PostalAddress())

    def of(self, customer: int) -> Document:
        country, state, city, postal_code, _, _ = PLACES[customer % len(PLACES)]
        return {
            **self._address,
            "name": name(customer),
            "line1": f"{1 + customer % 180} Market Street",
            "city": city,
            "state": state,
            "postal_code": postal_code,
            "country": country,
        }

    def erased(self, customer: int) -> Document:
        country, state, *_ = PLACES[customer % len(PLACES)]
        return {**self._address, "name": "", "line1": "", "city": "", "country": country, "state": state}


class Staff:
    """The members of the staff and their log."""

    def __init__(self, plan: Plan, members: Sequence[ObjectId]) -> None:
        self._plan = plan
        former = [plan.id("staff", number, plan.start) for number in range(4)]
        self._members = [str(pk) for pk in (*members, *former)]
        self._action = template(StaffAction(via="admin"))
        self._actions = 0

    def member(self, number: int) -> ObjectId:
        return ObjectId(self._members[number % len(self._members)])

    def log(
        self,
        action: Action,
        model: type[models.Model],
        pk: ObjectId,
        label: str,
        moment: float,
        writer: BulkWriter,
    ) -> None:
        self._actions += 1
        action_id = self._plan.id("staff action", self._actions, moment)
        writer.add(
            StaffAction,
            {
                **self._action,
                "_id": action_id,
                "at": at(moment),
                "staff": self._members[self._actions % len(self._members)],
                "action": action.value,
                "model": model._meta.label_lower,
                "object_id": str(pk),
                "label": label,
                "request_id": f"{action_id}{'0' * 8}",
            },
        )


class People:
    def __init__(self, plan: Plan, amounts: Amounts, prices: Sequence[int], *, seed: int) -> None:
        self._plan, self._amounts, self._prices = plan, amounts, prices
        self._random = random.Random(f"people {seed}")  # noqa: S311
        self._user = template(User(password=make_password(PASSWORD), email_verified=True))
        self._cart = template(Cart())
        self._line = template(Cart(lines=[CartLine(variant=ObjectId(), unit_price=Decimal(0))]))["lines"][0]
        self._family, self._network = template(TokenFamily()), template(KnownNetwork())
        self._window, self._record = template(RateWindow()), template(IdempotencyRecord())

    def write_customers(self, writer: BulkWriter, *, tick: Tick) -> None:
        """Each has a cart, which later orders find at an unused revision."""
        plan, count = self._plan, self._plan.sizes.customers
        for number in range(count):
            if plan.is_deleted(number):
                continue
            joined = plan.arrival(number, count)
            user = {
                **self._user,
                "_id": plan.customer_id(number),
                "email": email(number),
                "name": name(number),
                "email_verified": number % 8 != 7,
                "is_active": number % 400 != 399,
                "date_joined": at(joined),
                "last_login": at(joined + (plan.now - joined) * self._random.random()) if number % 3 else None,
            }
            writer.add(User, user)
            cart = {
                **self._cart,
                "_id": plan.cart_id(number),
                "user_id": user["_id"],
                "revision": plan.sizes.orders + 1,
                "created_at": at(joined),
                "updated_at": user["last_login"] or at(joined),
            }
            writer.add(Cart, cart)
            tick(number + 1, count)

    def write_guest_carts(self, writer: BulkWriter, *, tick: Tick) -> None:
        plan, count = self._plan, self._plan.sizes.guest_carts
        for number in range(count):
            # Older ones are deleted daily.
            moment = plan.now - 28 * DAY * (1 - number / count)
            lines = [self._cart_line(number, position, moment) for position in range(self._random.randrange(3))]
            cart = {
                **self._cart,
                "_id": plan.id("guest cart", number, moment),
                "token_digest": self._random.randbytes(32).hex(),
                "lines": lines,
                "revision": len(lines),
                "created_at": at(moment),
                "updated_at": at(min(plan.now, moment + DAY * self._random.random())),
            }
            writer.add(Cart, cart)
            tick(number + 1, count)

    def _cart_line(self, cart: int, position: int, moment: float) -> Document:
        products = len(self._prices)
        product = (cart * 31 + position) % products if products else 0
        return {
            **self._line,
            "key": self._plan.id("cart line", 2 * cart + position, moment),
            "variant": self._plan.variant_id(product) if products else ObjectId(),
            "quantity": 1 + position,
            "unit_price": self._amounts.stored(self._prices[product] if products else 100),
        }

    def write_tokens(self, writer: BulkWriter, *, tick: Tick) -> None:
        """They expire within 30 days."""
        count = self._plan.sizes.tokens
        for number in range(count):
            self._write_token(number, writer)
            tick(number + 1, count)

    def _write_token(self, number: int, writer: BulkWriter) -> None:
        plan = self._plan
        made = plan.now - 13 * DAY * self._random.random()
        expires = {"expires_at": at(plan.now + DAY * (1 + 29 * self._random.random()))}
        digest = self._random.randbytes(32).hex()
        customer = number * 13 % max(1, plan.sizes.customers)
        kind = number % 10
        if kind < 4:
            writer.add(RateWindow, {**self._window, "_id": digest, "count": 1 + number % 20, **expires})
        elif kind < 5:
            record = {
                **self._record,
                "_id": digest,
                "fingerprint": digest[::-1],
                "token": digest[:24],
                "claimed_until": at(made + 60),
                "status": 201,
                "reference": plan.order_number(number % max(1, plan.sizes.orders)),
            }
            writer.add(IdempotencyRecord, record | expires)
        elif plan.sizes.customers and not plan.is_deleted(customer):
            user = {"user_id": plan.customer_id(customer)}
            if kind < 8:
                family = {**self._family, "_id": plan.id("family", number, made), "current": digest[:32]}
                writer.add(TokenFamily, family | user | expires | {"created_at": at(made)})
            else:
                writer.add(KnownNetwork, {**self._network, "_id": digest} | user | expires)
