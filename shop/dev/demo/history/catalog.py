"""Products, of which the sales are known."""

import random
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache

from django.db import connection
from django.db.models import F

from catalog import read_model, search_terms
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from catalog.sales import PricePlan
from shop.audit.staff_log import Action
from shop.dev.demo.bench import price_of
from shop.dev.demo.bulk import BulkWriter, Document, template
from shop.dev.demo.history.people import Staff
from shop.dev.demo.history.plan import DAY, Amounts, Plan, at

Tick = Callable[[int, int], None]

_SHAPES = (
    "Alpine Arc Birch Coastal Field Fjord Harbour Linden Meadow Nordic Orchard Pebble Ripple Studio Weekend".split()
)
_THINGS = (
    "Bag Blanket Bottle Bowl Candle Chair Clock Cup Cushion Jacket Kettle Lamp Mug Notebook Pen Shelf Stool Tee Tray"
)
_COLOURS = "Black Blue Green Grey Natural Red Sand White".split()
_MATERIALS = "Cotton Glass Linen Oak Steel Stoneware Wool".split()


class Ledger:
    """Sums by product, that orders and reviews add to."""

    def __init__(self, products: int, amounts: Amounts) -> None:
        empty = bytes(8 * products)
        # Units that orders have reserved ever, hold still, and have sold.
        self.reserved, self.held, self.sold = array("q", empty), array("q", empty), array("q", empty)
        self.reviews, self.stars = array("q", empty), array("q", empty)
        self.prices = array("q", (amounts.steps(price_of(number)) for number in range(products)))


def product_name(number: int) -> str:
    things = _THINGS.split()
    return f"{_SHAPES[number % len(_SHAPES)]} {things[number // len(_SHAPES) % len(things)]} {number}"


def sku(number: int) -> str:
    return f"H{number:07}"


def image_name(number: int) -> str:
    return f"products/history-{number}.webp"


class Products:
    def __init__(
        self, plan: Plan, amounts: Amounts, ledger: Ledger, categories: Sequence[Category], staff: Staff, *, seed: int
    ) -> None:
        self._plan, self._amounts, self._ledger, self._staff = plan, amounts, ledger, staff
        self._random = random.Random(f"products {seed}")  # noqa: S311
        self._categories = [(category.pk, read_model.category_fields(category)) for category in categories] or [
            (None, read_model.category_fields(None))
        ]
        self._active = array("q", bytes(8 * len(self._categories)))
        self._product = template(Product(price=Decimal(0)))
        self._variant = template(Variant(price=Decimal(0)))
        self._image = template(ProductImage())
        self._movement = template(StockMovement(delta=0))
        self._average = Product._meta.get_field("rating_average")

    def write(self, writer: BulkWriter, *, tick: Tick) -> None:
        count = self._plan.sizes.products
        for number in range(count):
            self._write(number, writer)
            tick(number + 1, count)
        writer.flush()
        for (pk, _), active in zip(self._categories, self._active, strict=True):
            Category.objects.filter(pk=pk).update(active_products=F("active_products") + active)

    def _write(self, number: int, writer: BulkWriter) -> None:
        plan, ledger = self._plan, self._ledger
        moment = plan.arrival(number, plan.sizes.products)
        created = at(moment)
        product_id, variant_id = plan.product_id(number), plan.variant_id(number)
        position = self._position(number)
        category_id, category = self._categories[position]
        is_active = number % 25 != 24
        self._active[position] += is_active
        stock, adjustments = self._write_movements(number, moment, writer)
        name, price = product_name(number), ledger.prices[number]
        picture = {
            **self._image,
            "_id": plan.id("image", number, moment),
            "product_id": product_id,
            "name": image_name(number),
            "alt": name,
            "width": 1200,
            "height": 900,
            "created_at": created,
        }
        attributes = (
            {"colour": _COLOURS[number % len(_COLOURS)], "material": _MATERIALS[number % len(_MATERIALS)]}
            if number % 2
            else {}
        )
        writer.add(ProductImage, picture)
        writer.add(
            Variant,
            {
                **self._variant,
                "_id": variant_id,
                "product_id": product_id,
                "sku": sku(number),
                "sku_key": sku(number).lower(),
                "price": self._amounts.stored(price),
                "recorded_plan": str(PricePlan(self._amounts.stored(price).to_decimal())),
                "stock": stock,
                "adjustments": adjustments,
                "created_at": created,
            },
        )
        writer.add(
            Product,
            {
                **self._product,
                **category,
                "_id": product_id,
                "name": name,
                "slug": name.lower().replace(" ", "-"),
                "description": f"{name}, made to last.",
                "category_id": category_id,
                "counted_in": category_id if is_active else None,
                "compare_at_price": self._amounts.stored(price + price // 4 + 1) if number % 10 == 0 else None,
                "is_active": is_active,
                "attributes": attributes,
                "attribute_pairs": sorted(read_model.attribute_pair(*pair) for pair in attributes.items()),
                "sort_name": search_terms.sort_name(name),
                **search_terms.product_fields(
                    name=name,
                    description=f"{name}, made to last.",
                    category=category["category_name"],
                    values=read_model.searched_values(attributes, [{}]),
                    skus=[sku(number)],
                ),
                "price": self._amounts.stored(price),
                "price_max": self._amounts.stored(price),
                "in_stock": stock > 0,
                "stock_flips": adjustments,
                "pictures": [
                    {"id": str(picture["_id"]), **{key: picture[key] for key in ("name", "alt", "width", "height")}}
                ],
                "rating_count": ledger.reviews[number],
                "rating_sum": ledger.stars[number],
                "rating_average": self._stored_average(ledger.reviews[number], ledger.stars[number]),
                "sales": ledger.sold[number],
                "created_at": created,
                "updated_at": created,
                "edited_at": created,
            },
        )

    def _position(self, number: int) -> int:
        """Return the place of the category: the last one is small."""
        last = len(self._categories) - 1
        return last if last == 0 or number % 41 == 0 else number * 7 % last

    def _write_movements(self, number: int, moment: float, writer: BulkWriter) -> tuple[int, int]:
        """Return the stock and the number of adjustments."""
        reserved, held = self._ledger.reserved[number], self._ledger.held[number]
        is_sold_out, is_imported = number % 17 == 3, number % 5 == 0
        initial = reserved + (1 if is_sold_out else self._random.choice((1, 3, 8, 20, 45, 90, 150)))
        reason = StockMovement.Reason.IMPORT if is_imported else StockMovement.Reason.INITIAL
        self._move(number, 0, moment, initial, reason, writer)
        if not is_sold_out:
            return initial - held, 1
        counted_at = self._plan.now - DAY * (1 + number % 60)
        self._move(number, 1, counted_at, held - initial, StockMovement.Reason.ADJUSTMENT, writer)
        self._staff.log(Action.STOCK, Variant, self._plan.variant_id(number), sku(number), counted_at, writer)
        return 0, 2

    def _move(
        self, number: int, position: int, moment: float, delta: int, reason: StockMovement.Reason, writer: BulkWriter
    ) -> None:
        writer.add(
            StockMovement,
            {
                **self._movement,
                "_id": self._plan.id("stock", 2 * number + position, moment),
                "variant_id": self._plan.variant_id(number),
                "delta": delta,
                "reason": reason.value,
                "note": "Counted again." if position else "",
                "created_at": at(moment),
            },
        )

    @lru_cache(maxsize=1000)  # noqa: B019 (lives as long as a run)
    def _stored_average(self, count: int, stars: int) -> Document | None:
        return self._average.get_db_prep_save(read_model.rating_average(count, stars), connection)
