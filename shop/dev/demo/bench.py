"""Bulk-write documents that equal those of the services.

A batch is one transaction, so that the next run can continue an interrupted one.
"""

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from decimal import Decimal

from bson import ObjectId
from django.contrib.auth.hashers import make_password
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.utils import timezone

from accounts.models import User
from cart.models import Cart, CartLine
from catalog import read_model, search_terms
from catalog.categories import save_category
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from catalog.sales import PricePlan
from shop import money
from shop.db.transactions import transactional
from shop.dev.demo.bulk import Document, template

Tick = Callable[[int, int], None]

PASSWORD = "bench-password-1"  # noqa: S105
STOCK = 1_000_000_000
# Larger transactions take seconds: each product has a hundred search entries.
BATCH = 500
_CART_PRODUCTS = 60


def seed_categories(count: int) -> list[Category]:
    """Return ``category-0`` to ``category-<count - 1>``."""
    slugs = [f"category-{number}" for number in range(count)]
    known = {category.slug: category for category in Category.objects.filter(slug__in=slugs)}
    return [
        known.get(slug) or save_category(category=Category(slug=slug, name=f"Category {number}"))
        for number, slug in enumerate(slugs)
    ]


def seed_products(count: int, *, categories: Sequence[Category], images: int, tick: Tick) -> int:
    writer = _Writer(categories, images=images)
    batches = iter(range(start, min(start + BATCH, count)) for start in range(0, count, BATCH))
    made = done = 0
    workers = min(4, os.cpu_count() or 1)
    running: dict[Future[int], int] = {}
    # Otherwise the garbage collector spends 40 % of the time on older objects.
    gc.freeze()
    try:
        with ThreadPoolExecutor(max_workers=workers) as pool:
            while True:
                # Limit the queue, so that memory does not grow with the catalog.
                while len(running) < 2 * workers and (batch := next(batches, None)) is not None:
                    running[pool.submit(writer.write, batch)] = len(batch)
                if not running:
                    return made
                for finished in wait(running, return_when=FIRST_COMPLETED).done:
                    made += finished.result()
                    done += running.pop(finished)
                    tick(done, count)
    finally:
        gc.unfreeze()
        # The batches' transactions would conflict on their categories.
        for category in categories:
            count = Product.objects.active().filter(category=category).count()
            Category.objects.filter(pk=category.pk).update(active_products=count)


def seed_users(count: int, *, tick: Tick) -> int:
    """Carts have three lines; return the number of created users."""
    password = make_password(PASSWORD)
    products = _cart_products()
    made = 0
    for start in range(0, count, BATCH):
        numbers = {f"bench{number}@example.com": number for number in range(start, min(start + BATCH, count))}
        known = set(User.objects.filter(email__in=list(numbers)).values_list("email", flat=True))
        missing = [
            User(email=email, name=f"Bench {number}", password=password)
            for email, number in numbers.items()
            if email not in known
        ]
        User.objects.bulk_create(missing)
        made += len(missing)
        users = dict(User.objects.filter(email__in=list(numbers)).values_list("pk", "email"))
        with_cart = set(Cart.objects.filter(user__in=list(users)).values_list("user", flat=True))
        Cart.objects.bulk_create(
            _cart(user, products, numbers[email]) for user, email in users.items() if products and user not in with_cart
        )
        tick(start + len(numbers), count)
    return made


def price_of(number: int) -> Decimal:
    return money.round_to_step(Decimal(number * 7919 % 100_000) / 100 + 1)


class _Writer:
    def __init__(self, categories: Sequence[Category], *, images: int) -> None:
        self._categories = [(category.pk, read_model.category_fields(category)) for category in categories] or [
            (None, read_model.category_fields(None))
        ]
        self._images = images
        # Flipped and adjusted once: from no stock to some.
        self._product = template(Product(price=Decimal(0), in_stock=True, stock_flips=1))
        self._variant = template(Variant(price=Decimal(0), stock=STOCK, adjustments=1))
        self._image = template(ProductImage())
        self._movement = template(StockMovement(delta=STOCK, reason=StockMovement.Reason.INITIAL))
        self._price_field = Variant._meta.get_field("price")

    def write(self, numbers: Iterable[int]) -> int:
        """Write missing products in one transaction; return their number."""
        connection = connections[DEFAULT_DB_ALIAS]
        try:
            known = set(
                Product.objects.filter(slug__in=[f"product-{number}" for number in numbers]).values_list(
                    "slug", flat=True
                )
            )
            rows = self._rows([number for number in numbers if f"product-{number}" not in known])
            if rows[Product]:
                _insert(rows)
            return len(rows[Product])
        finally:
            connection.close()

    def _rows(self, numbers: Sequence[int]) -> dict[type[models.Model], list[Document]]:
        now = timezone.now()
        connection = connections[DEFAULT_DB_ALIAS]
        products, variants, pictures, movements = [], [], [], []
        for number in numbers:
            product_id, variant_id = ObjectId(), ObjectId()
            category_id, category = self._categories[number % len(self._categories)]
            price = self._price_field.get_db_prep_save(price_of(number), connection)
            images = [
                {
                    **self._image,
                    "_id": ObjectId(),
                    "product_id": product_id,
                    "name": f"products/{number}-{position}.jpg",
                    "alt": f"Product {number}, view {position}",
                    "position": position,
                    "width": 1200,
                    "height": 900,
                    "created_at": now,
                }
                for position in range(self._images)
            ]
            pictures += images
            name, description = f"Product {number} for the bench", f"The {number}th product. " * 12
            products.append(
                {
                    **self._product,
                    **category,
                    "_id": product_id,
                    "name": name,
                    "slug": f"product-{number}",
                    "description": description,
                    "sort_name": search_terms.sort_name(name),
                    **search_terms.product_fields(
                        name=name,
                        description=description,
                        category=category["category_name"],
                        skus=[f"SKU-{number}"],
                    ),
                    "category_id": category_id,
                    "counted_in": category_id,
                    "price": price,
                    "price_max": price,
                    "pictures": [
                        {"id": str(row["_id"]), **{name: row[name] for name in ("name", "alt", "width", "height")}}
                        for row in images
                    ],
                    "attributes": {},
                    "attribute_pairs": [],
                    "created_at": now,
                    "updated_at": now,
                    "edited_at": now,
                }
            )
            variants.append(
                {
                    **self._variant,
                    "_id": variant_id,
                    "product_id": product_id,
                    "sku": f"SKU-{number}",
                    "sku_key": f"sku-{number}",
                    "price": price,
                    "recorded_plan": str(PricePlan(price_of(number))),
                    "options": {},
                    "created_at": now,
                }
            )
            movements.append({**self._movement, "_id": ObjectId(), "variant_id": variant_id, "created_at": now})
        return {Product: products, Variant: variants, ProductImage: pictures, StockMovement: movements}


@transactional("demo.bench_products")
def _insert(rows: dict[type[models.Model], list[Document]]) -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    for model, documents in rows.items():
        if documents:
            # The ORM converts field by field; its collections log whole batches in DEBUG.
            connection.database[model._meta.db_table].insert_many(documents, session=connection.session)


def _cart_products() -> list[tuple[ObjectId, Decimal]]:
    """Return (variant, price) of the first products."""
    slugs = [f"product-{number}" for number in range(_CART_PRODUCTS)]
    order = {slug: number for number, slug in enumerate(slugs)}
    products = {pk: order[slug] for pk, slug in Product.objects.filter(slug__in=slugs).values_list("pk", "slug")}
    rows = Variant.objects.filter(product__in=list(products)).values_list("product", "pk", "price")
    return [(variant, price) for _, variant, price in sorted(rows, key=lambda row: products[row[0]])]


def _cart(user: ObjectId, products: Sequence[tuple[ObjectId, Decimal]], number: int) -> Cart:
    lines = []
    for position in range(min(3, len(products))):
        variant, price = products[(number * 3 + position) % len(products)]
        lines.append(CartLine(variant=variant, quantity=position + 1, unit_price=price))
    # One revision per change, from 0.
    return Cart(user_id=user, lines=lines, revision=max(0, len(lines) - 1))
