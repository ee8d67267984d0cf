"""What carts and orders have to know of variants: what they cost now, how many there are, and what they are called."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bson import ObjectId
from django.conf import settings

from catalog.models import Product, Variant
from shop import documents
from shop.documents import Document, Pipeline


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

    @property
    def orderable(self) -> int:
        """The most pieces that one cart may hold."""
        return min(self.stock, settings.MAX_QUANTITY_PER_LINE)

    @property
    def shortage(self) -> str:
        """What a customer who wants more than there is may know: a number only if few are left."""
        if self.stock == 0:
            return "This is out of stock."
        if self.stock <= settings.SHOWN_STOCK:
            return f"Only {self.stock} left in stock."
        return "There is not enough in stock."


Offers = dict[ObjectId, Offer]

# What a product has beyond what an offer shows of it.
_NOT_SHOWN = [
    f"product.{name}" for name in ("description", "search_words", "search_beginnings", "attributes", "attribute_pairs")
]
_PRODUCT: Pipeline = [
    {
        "$lookup": {
            "from": Product._meta.db_table,
            "localField": "product_id",
            "foreignField": "_id",
            "as": "product",
        }
    },
    {"$unwind": "$product"},
    {"$unset": _NOT_SHOWN},
]


def offers_of(variants: Iterable[ObjectId]) -> Offers:
    """Return the offers of these variants by their ids; what was deleted is missing. One command, none for nothing."""
    ids = list(variants)
    if not ids:
        return {}
    rows = documents.aggregate(Variant, [{"$match": {"_id": {"$in": ids}}}, *_PRODUCT])
    return {row["_id"]: _read(row) for row in rows}


def beside(found: Pipeline, *, ids: str, variant: ObjectId | None = None, product: ObjectId | None = None) -> Pipeline:
    """Return stages that put the offers behind the one document that ``found`` finds: those of the variants whose
    ``ids`` it holds, of ``variant``, and of all variants of ``product``. :func:`apart` takes them apart again.
    """
    pipeline = [
        *found,
        {
            "$lookup": {
                "from": Variant._meta.db_table,
                "localField": ids,
                "foreignField": "_id",
                "pipeline": _PRODUCT,
                "as": "offers",
            }
        },
    ]
    match = {"_id": variant} if variant is not None else {"product_id": product}
    also = {"$unionWith": {"coll": Variant._meta.db_table, "pipeline": [{"$match": match}, *_PRODUCT]}}
    return pipeline if variant is product is None else [*pipeline, also]


def apart(rows: list[Document]) -> tuple[Document | None, Offers]:
    """Return the document that was looked for, if it is there, and the offers that came with it."""
    found = rows.pop(0) if rows and "offers" in rows[0] else None
    offers = [*rows, *(found.pop("offers") if found else ())]
    return found, {row["_id"]: _read(row) for row in offers}


def _read(row: Document) -> Offer:
    try:
        return _offer(row)
    except KeyError:
        # Documents that an older release has written lack the fields that were added since.
        product = documents.with_defaults(Product, row["product"])
        return _offer(documents.with_defaults(Variant, row | {"product": product}))


def _offer(row: documents.Document) -> Offer:
    product = row["product"]
    pictures = product["pictures"]
    return Offer(
        variant=row["_id"],
        product=product["_id"],
        sku=row["sku"],
        options=row["options"],
        price=documents.decimal_of(row["price"]),
        stock=int(row["stock"]),
        is_active=row["is_active"] and product["is_active"],
        name=product["name"],
        slug=product["slug"],
        picture=pictures[0]["name"] if pictures else "",
    )
