"""Two years of trading, written in bulk as the services would have left them."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import models

from accounts.models import User
from cart.promotions.models import Promotion
from catalog.models import Category, Product
from orders.models import Order
from shop.dev.demo.bulk import BulkWriter
from shop.dev.demo.history.catalog import Ledger, Products, sku
from shop.dev.demo.history.orders import Orders
from shop.dev.demo.history.people import PASSWORD, REGULAR, People, Staff, email
from shop.dev.demo.history.plan import Amounts, Plan, Sizes

__all__ = ["PASSWORD", "REGULAR", "NotEmpty", "Sizes", "email", "require_empty", "seed_history", "sku"]

Tick = Callable[[int, int], None]
Bar = Callable[[str], AbstractContextManager[Tick]]

# Below, building indexes takes longer than keeping them.
INDEX_LAST_FROM = 5_000


class NotEmpty(Exception):
    """The database has orders, or rows of an interrupted run."""


def seed_history(
    sizes: Sizes, *, seed: int = 0, bar: Bar = lambda _: nullcontext(lambda done, total: None)
) -> Counter[type[models.Model]]:
    """Write rows of the given numbers; return the numbers written by model.

    The same seed makes the same rows, apart from the time. Memory grows with products and reviews only, by some bytes
    each. ``manage.py audit`` finds nothing, unless the run is interrupted. Raises :class:`NotEmpty`.
    """
    require_empty()
    amounts = Amounts()
    plan = Plan(sizes, seed=seed)
    ledger = Ledger(sizes.products, amounts)
    staff = Staff(plan, list(User.objects.filter(is_staff=True).order_by("pk").values_list("pk", flat=True)))
    people = People(plan, amounts, ledger.prices, seed=seed)
    categories = list(Category.objects.order_by("path"))
    products = Products(plan, amounts, ledger, categories, staff, seed=seed)
    stages: dict[str, Callable[..., Any]] = {
        "Orders": Orders(plan, amounts, ledger, staff, seed=seed).write,
        "Products": products.write,
        "Guest carts": people.write_guest_carts,
        "Tokens": people.write_tokens,
        "Indexes": lambda writer, tick: writer.publish(),
        # Last: the collection has members of the staff already.
        "Customers": people.write_customers,
    }
    with BulkWriter(index_last=sizes.orders >= INDEX_LAST_FROM) as writer:
        for title, write in stages.items():
            with bar(title) as tick:
                write(writer, tick=tick)
                writer.flush()
    return writer.written


def require_empty() -> None:
    """Raises :class:`NotEmpty`."""
    if (
        Order.objects.exists()
        or User.objects.filter(email=REGULAR).exists()
        or Promotion.objects.filter(code__startswith="SAVE10-").exists()
        or Product.objects.filter(variants__sku__in=[sku(0)]).exists()
    ):
        raise NotEmpty(
            "The database has orders, or rows of an interrupted run: use another (DATA_DIR, MONGO_URI), "
            "or empty it with `manage.py flush`."
        )
