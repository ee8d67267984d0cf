"""What carts and orders have to know of variants: what they cost now, how many there are, and what they are called."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bson import ObjectId

from catalog.models import Product, Variant
from shop import documents


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant as it can be bought at this moment, with what its product shows of it."""

    variant: ObjectId
    product: ObjectId
    sku: str
    options: dict[str, str]
    price: Decimal
    stock: int
    # The variant's and the product's activity together.
    is_active: bool
    name: str
    slug: str
    # A name in the default storage, or "".
    picture: str

    def __str__(self) -> str:
        return str(Variant(sku=self.sku, options=self.options))


Offers = dict[ObjectId, Offer]

_PRODUCT: list[dict[str, Any]] = [
    {
        "$lookup": {
            "from": Product._meta.db_table,
            "localField": "product_id",
            "foreignField": "_id",
            "pipeline": [{"$project": {"name": 1, "slug": 1, "is_active": 1, "picture": {"$first": "$pictures.name"}}}],
            "as": "product",
        }
    },
    {"$unwind": "$product"},
    {"$project": dict.fromkeys(("product", "sku", "options", "price", "stock", "is_active"), 1)},
]


def offers_of(variants: Iterable[ObjectId], *, product: ObjectId | None = None) -> Offers:
    """Return the offers of these variants, and those of all variants of a product, by the variants' ids.

    What was deleted is missing. One command, however many there are; none for nothing.
    """
    wanted: list[dict[str, Any]] = []
    if ids := list(variants):
        wanted.append({"_id": {"$in": ids}})
    if product is not None:
        wanted.append({"product_id": product})
    if not wanted:
        return {}
    match = wanted[0] if len(wanted) == 1 else {"$or": wanted}
    return {row["_id"]: _offer(row) for row in documents.aggregate(Variant, [{"$match": match}, *_PRODUCT])}


def _offer(row: documents.Document) -> Offer:
    product = row["product"]
    return Offer(
        variant=row["_id"],
        product=product["_id"],
        sku=row["sku"],
        options=row["options"],
        price=row["price"].to_decimal(),
        stock=int(row["stock"]),
        is_active=row["is_active"] and product["is_active"],
        name=product["name"],
        slug=product["slug"],
        picture=product.get("picture", ""),
    )
