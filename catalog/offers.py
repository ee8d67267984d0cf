from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from catalog.availability import available_quantity, backordered
from catalog.models import Product, Variant
from catalog.sales import PricePlan
from shop.db import documents
from shop.db.documents import Document, Pipeline


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant at its current price."""

    variant: ObjectId
    product: ObjectId
    sku: str
    options: dict[str, str]
    price: Decimal
    # In grams.
    weight: int | None
    stock: int
    stock_policy: str
    backorder_limit: int | None
    # Date when units on back-order are expected.
    expected_on: date | None
    # Whether variant and product are.
    is_active: bool
    free_shipping: bool
    tax_class: str
    name: str
    slug: str
    # Names in the default storage, or "": the variant's image, which is by default the product's.
    picture: str
    product_picture: str
    # Ids of all of the product's categories, from the root.
    categories: tuple[ObjectId, ...] = ()
    collections: tuple[ObjectId, ...] = ()
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(Variant(sku=self.sku, options=self.options))

    @property
    def orderable(self) -> int:
        """The maximum quantity of a cart line."""
        available = self.available
        return settings.MAX_QUANTITY_PER_LINE if available is None else min(available, settings.MAX_QUANTITY_PER_LINE)

    @property
    def available(self) -> int | None:
        """Units that can be ordered, or None if there is no limit."""
        return available_quantity(self.stock, self.stock_policy, self.backorder_limit)

    def covers(self, quantity: int) -> bool:
        available = self.available
        return available is None or quantity <= available

    def backordered(self, quantity: int) -> int:
        """Return how many of the units are not in stock yet."""
        return backordered(quantity, stock=self.stock, policy=self.stock_policy)

    @property
    def shortage(self) -> str:
        """The message reveals the stock only if few are left."""
        available = self.available
        if available == 0:
            return "This is out of stock."
        if available is not None and available <= settings.SHOWN_STOCK:
            return f"Only {available} left in stock."
        return "Not enough in stock."


Offers = dict[ObjectId, Offer]

_VARIANT_FIELDS = (
    "sku",
    "options",
    "price",
    "sale_price",
    "sale_starts_at",
    "sale_ends_at",
    "weight",
    "stock",
    "stock_policy",
    "backorder_limit",
    "expected_on",
    "is_active",
    "images",
)
_PRODUCT_FIELDS = (
    "_id",
    "is_active",
    "free_shipping",
    "tax_class",
    "name",
    "slug",
    "pictures.id",
    "pictures.name",
    "category_lineage",
    "collections",
    "tags",
)
_PRODUCT: Pipeline = [
    {"$lookup": {"from": Product._meta.db_table, "localField": "product_id", "foreignField": "_id", "as": "product"}},
    {"$unwind": "$product"},
    {"$project": dict.fromkeys((*_VARIANT_FIELDS, *(f"product.{name}" for name in _PRODUCT_FIELDS)), 1)},
]


def offers_of(variants: Iterable[ObjectId]) -> Offers:
    """Return offers by variant id, without deleted variants."""
    ids = list(variants)
    if not ids:
        return {}
    rows = documents.aggregate(Variant, [{"$match": {"_id": {"$in": ids}}}, *_PRODUCT])
    return {row["_id"]: _read(row) for row in rows}


def with_offers(
    found: Pipeline, *, ids: str, variants: Collection[ObjectId] = (), product: ObjectId | None = None
) -> Pipeline:
    """Return stages that append offers to the one document of ``found``.

    They are those of its field ``ids``, and of ``variants`` or of all variants of ``product``.
    """
    pipeline = [*found, _lookup(ids)]
    if variants or product is not None:
        pipeline.append({"$unionWith": {"coll": Variant._meta.db_table, "pipeline": _wanted(variants, product)}})
    return pipeline


def lookups(ids: str, *, variants: Collection[ObjectId] = (), product: ObjectId | None = None) -> Pipeline:
    """Return stages that add the same offers to a document, for :func:`offers_in`."""
    if not variants and product is None:
        return [_lookup(ids)]
    wanted = {"from": Variant._meta.db_table, "pipeline": _wanted(variants, product), "as": "wanted_offers"}
    return [_lookup(ids), {"$lookup": wanted}]


def _lookup(ids: str) -> Document:
    table = Variant._meta.db_table
    return {"$lookup": {"from": table, "localField": ids, "foreignField": "_id", "pipeline": _PRODUCT, "as": "offers"}}


def _wanted(variants: Collection[ObjectId], product: ObjectId | None) -> Pipeline:
    return [{"$match": {"_id": {"$in": list(variants)}} if variants else {"product_id": product}}, *_PRODUCT]


def offers_in(document: Document) -> Offers:
    """Return the offers that :func:`lookups` added."""
    return {row["_id"]: _read(row) for row in (*document["offers"], *document.get("wanted_offers", ()))}


def split_offers(rows: list[Document]) -> tuple[Document | None, Offers]:
    found = rows.pop(0) if rows and "offers" in rows[0] else None
    offers = [*rows, *(found.pop("offers") if found else ())]
    return found, {row["_id"]: _read(row) for row in offers}


def _read(row: Document) -> Offer:
    try:
        return _offer(row, row["product"])
    except KeyError:
        # Documents of an older release.
        return _offer(documents.with_defaults(Variant, row), documents.with_defaults(Product, row["product"]))


def _offer(variant: Document, product: Document) -> Offer:
    pictures = {each["id"]: each["name"] for each in product["pictures"]}
    first = next(iter(pictures.values()), "")
    return Offer(
        variant=variant["_id"],
        product=product["_id"],
        sku=variant["sku"],
        options=variant["options"],
        price=_price_now(variant),
        weight=variant["weight"],
        stock=int(variant["stock"]),
        stock_policy=variant["stock_policy"],
        backorder_limit=variant["backorder_limit"],
        expected_on=variant["expected_on"] and variant["expected_on"].date(),
        is_active=variant["is_active"] and product["is_active"],
        free_shipping=product["free_shipping"],
        tax_class=product["tax_class"],
        name=product["name"],
        slug=product["slug"],
        picture=next((pictures[str(pk)] for pk in variant["images"] if str(pk) in pictures), first),
        product_picture=first,
        categories=tuple(product["category_lineage"]),
        collections=tuple(product["collections"]),
        tags=tuple(product["tags"]),
    )


def _price_now(variant: Document) -> Decimal:
    if variant.get("sale_price") is None:
        return documents.decimal_of(variant["price"])
    return PricePlan.of_document(variant).at(timezone.now())
