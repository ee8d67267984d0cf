"""List and detail replies. A serializer's ``Meta.fields`` names their fields, shown as stored unless computed here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from functools import cache, lru_cache
from typing import Any

from bson import Decimal128, ObjectId
from django.conf import settings
from rest_framework import serializers

from catalog.availability import Availability, StockPolicy, availability, available_quantity
from catalog.models import Product, Variant
from catalog.serializers import AttributesField
from shop.db import documents
from shop.db.documents import Document, Pipeline
from shop.db.money_fields import MoneyField
from shop.media.urls import SIZES, image_urls, urls_of
from shop.money import display, display_in_mongodb

# --- Shapes -----------------------------------------------------------------------------------------------------------


class CategoryBriefSerializer(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()


class RatingSerializer(serializers.Serializer):
    average = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField()


class OptionSerializer(serializers.Serializer):
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.CharField())


class ItemPictureSerializer(serializers.Serializer):
    url = serializers.URLField()
    alt = serializers.CharField()
    width = serializers.IntegerField(allow_null=True, help_text="Null until known.")
    height = serializers.IntegerField(allow_null=True)


class ProductSerializer(serializers.ModelSerializer):
    """A product in a list."""

    price = MoneyField(read_only=True, help_text="As `price_min`.")
    price_min = MoneyField(read_only=True, help_text="Of the active variants.")
    price_max = MoneyField(read_only=True)
    compare_at_price = MoneyField(read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True)
    image = serializers.URLField(read_only=True, allow_null=True)
    rating = RatingSerializer(read_only=True)
    category = CategoryBriefSerializer(read_only=True, allow_null=True)
    item_images = ItemPictureSerializer(many=True, read_only=True, help_text="The first two, within 640 × 640 pixels.")
    options = OptionSerializer(
        many=True, read_only=True, help_text="Names and values of the active variants' options, in the staff's order."
    )

    class Meta:
        model = Product
        fields: tuple[str, ...] = (
            "id",
            "name",
            "slug",
            "price",
            "price_min",
            "price_max",
            "compare_at_price",
            "currency",
            "in_stock",
            "image",
            "rating",
            "category",
            "item_images",
            "options",
        )


class PictureSizesSerializer(serializers.Serializer):
    """URLs for `srcset`; no size is larger than the upload."""

    original = serializers.URLField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        return super().get_fields() | {
            name: serializers.URLField(
                read_only=True, help_text=f"{'Cut to' if size.crop else 'Within'} {size.width} × {size.height} pixels."
            )
            for name, size in SIZES.items()
        }


class PictureSerializer(serializers.Serializer):
    id = serializers.CharField(read_only=True)
    url = serializers.URLField(read_only=True)
    thumbnail = serializers.URLField(read_only=True)
    sizes = PictureSizesSerializer(read_only=True)
    alt = serializers.CharField(read_only=True)
    width = serializers.IntegerField(read_only=True, allow_null=True, help_text="Of `url`; null until known.")
    height = serializers.IntegerField(read_only=True, allow_null=True)
    position = serializers.IntegerField(read_only=True)


class VariantSerializer(serializers.ModelSerializer):
    options = AttributesField(read_only=True)
    price = MoneyField(read_only=True)
    availability = serializers.ChoiceField(choices=Availability.choices, read_only=True)
    images = PictureSerializer(many=True, read_only=True, help_text="Those of the product's that show this variant.")

    class Meta:
        model = Variant
        fields: tuple[str, ...] = (
            "id",
            "sku",
            "options",
            "price",
            "in_stock",
            "availability",
            "expected_on",
            "images",
            "weight",
            "barcode",
        )
        extra_kwargs = {
            "in_stock": {"read_only": True, "help_text": "Whether it can be ordered, if only on back-order."},
            "expected_on": {"read_only": True, "help_text": "When units on back-order are expected."},
            "barcode": {"read_only": True, "help_text": "GTIN (EAN, UPC), or empty."},
            "weight": {"read_only": True, "help_text": "In grams, or null."},
        }


class StaffVariantSerializer(VariantSerializer):
    available_quantity = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Units that can be ordered; null if there is no limit. For staff."
    )
    cost = MoneyField(read_only=True, allow_null=True)

    class Meta(VariantSerializer.Meta):
        fields = (
            *VariantSerializer.Meta.fields,
            "stock",
            "available_quantity",
            "stock_policy",
            "backorder_limit",
            "cost",
            "is_active",
        )


class ShownVariantSerializer(StaffVariantSerializer):
    stock = serializers.IntegerField(required=False, help_text="For staff only.")
    available_quantity = serializers.IntegerField(
        required=False, allow_null=True, help_text="Units that can be ordered; null if there is no limit. For staff."
    )
    stock_policy = serializers.ChoiceField(choices=StockPolicy.choices, required=False, help_text="For staff only.")
    backorder_limit = serializers.IntegerField(required=False, allow_null=True, help_text="For staff only.")
    cost = MoneyField(required=False, allow_null=True, help_text="For staff only.")
    is_active = serializers.BooleanField(required=False, help_text="For staff only.")


class ProductDetailSerializer(ProductSerializer):
    """A product; staff also see stock and inactive variants."""

    images = PictureSerializer(many=True, read_only=True)
    variants = ShownVariantSerializer(many=True, read_only=True)
    attributes = AttributesField(read_only=True)

    class Meta(ProductSerializer.Meta):
        fields = (
            *ProductSerializer.Meta.fields,
            "description",
            "images",
            "variants",
            "attributes",
            "is_active",
            "free_shipping",
            "tax_class",
            "created_at",
            "updated_at",
        )


_CARD, _ITEM_PICTURES = SIZES["card"].width, 2

# --- Lists ------------------------------------------------------------------------------------------------------------


def list_products(
    found: Pipeline, *, index: str | None, base_url: str, extra_fields: Mapping[str, Any], last_stages: Pipeline
) -> list[Document]:
    """Return list items with ``extra_fields``, then the documents of ``last_stages``; ``index`` is a hint."""
    shown = {"$project": {**_list_projection(settings.CURRENCY), **extra_fields}}
    rows = documents.aggregate(Product, [*found, shown, *last_stages], index=index)
    url = urls_of("card", base_url=base_url)
    for row in rows:
        if "image" in row:
            row["image"] = url(row["image"])
            row["item_images"] = [_item_picture(each, url) for each in row["item_images"]]
    return rows


def _item_picture(stored: Document, url: Callable[[str], str | None]) -> Document:
    width, height = stored.get("width"), stored.get("height")
    if width and height and (longest := max(width, height)) > _CARD:
        width, height = (max(1, round(side * _CARD / longest)) for side in (width, height))
    return {"url": url(stored["name"]), "alt": stored.get("alt", ""), "width": width, "height": height}


@cache
def _list_projection(currency: str) -> dict[str, Any]:
    computed = {
        "id": {"$toString": "$_id"},
        "price": display_in_mongodb(_stored("price"), currency),
        "price_min": display_in_mongodb(_stored("price"), currency),
        "price_max": display_in_mongodb(_stored("price_max"), currency),
        "compare_at_price": display_in_mongodb("$compare_at_price", currency),
        "currency": {"$literal": currency},
        # Replaced later by its URL, which depends on the request's host.
        "image": {"$ifNull": [{"$first": "$pictures.name"}, None]},
        "item_images": {"$slice": [{"$ifNull": ["$pictures", []]}, _ITEM_PICTURES]},
        "rating": {"average": {"$toDouble": "$rating_average"}, "count": _stored("rating_count")},
        "category": {
            "$cond": [
                "$category_id",
                {
                    "id": {"$toString": "$category_id"},
                    "name": _stored("category_name"),
                    "slug": _stored("category_slug"),
                },
                None,
            ]
        },
    }
    return {"_id": 0, **{name: computed.get(name) or _stored(name) for name in ProductSerializer.Meta.fields}}


def _stored(name: str) -> dict[str, Any]:
    return documents.stored_or_default(Product, name)


# --- Details: for a single product, Python is faster than a projection ------------------------------------------------

_WITHOUT_SEARCH_FIELDS = {
    "$unset": [
        "search_words",
        "search_beginnings",
        "sort_name",
        "attribute_pairs",
        "option_pairs",
        "combinations",
        "category_lineage",
    ]
}
_WITH_VARIANTS = {
    "$lookup": {"from": Variant._meta.db_table, "localField": "_id", "foreignField": "product_id", "as": "variants"}
}


def get_product_detail(where: Mapping[str, Any], *, for_staff: bool, base_url: str) -> Document | None:
    """Staff also get inactive products and variants, and the stock."""
    rows = documents.aggregate(Product, [{"$match": where}, _WITHOUT_SEARCH_FIELDS, _WITH_VARIANTS])
    product = documents.with_defaults(Product, rows[0]) if rows else None
    if product is None or not (product["is_active"] or for_staff):
        return None
    variants = [documents.with_defaults(Variant, each) for each in product["variants"]]
    variants.sort(key=lambda each: (each["position"], each["_id"]))
    pictures = _pictures(product, base_url=base_url)
    card = urls_of("card", base_url=base_url)
    category, average = product["category_id"], product["rating_average"]
    computed = {
        "id": str(product["_id"]),
        "price": _price(product["price"]),
        "price_min": _price(product["price"]),
        "price_max": _price(product["price_max"]),
        "compare_at_price": _price(product["compare_at_price"]),
        "currency": settings.CURRENCY,
        "image": pictures[0]["sizes"]["card"] if pictures else None,
        "rating": {
            "average": None if average is None else float(average.to_decimal()),
            "count": product["rating_count"],
        },
        "category": category
        and {"id": str(category), "name": product["category_name"], "slug": product["category_slug"]},
        "item_images": [_item_picture(each, card) for each in product["pictures"][:_ITEM_PICTURES]],
        "images": pictures,
        "variants": [
            _variant(each, pictures, for_staff=for_staff) for each in variants if each["is_active"] or for_staff
        ],
        # The driver's datetimes are naive UTC.
        "created_at": product["created_at"].replace(tzinfo=UTC),
        "updated_at": product["updated_at"].replace(tzinfo=UTC),
    }
    return _select(ProductDetailSerializer.Meta.fields, computed, product)


def get_variant(pk: ObjectId, *, base_url: str) -> Document:
    """Return a variant as staff see it."""
    product = {"from": Product._meta.db_table, "localField": "product_id", "foreignField": "_id", "as": "product"}
    pipeline = [{"$match": {"_id": pk}}, {"$lookup": product}, {"$unwind": "$product"}]
    (row,) = documents.aggregate(Variant, pipeline)
    pictures = _pictures(documents.with_defaults(Product, row["product"]), base_url=base_url)
    return _variant(documents.with_defaults(Variant, row), pictures, for_staff=True)


def _pictures(product: Document, *, base_url: str) -> list[Document]:
    return [
        picture(
            pk=each["id"],
            name=each["name"],
            alt=each.get("alt", ""),
            position=position,
            size=(each.get("width"), each.get("height")),
            base_url=base_url,
        )
        for position, each in enumerate(product["pictures"])
    ]


def _variant(variant: Document, pictures: Sequence[Document], *, for_staff: bool) -> Document:
    stock = variant["stock"], variant["stock_policy"], variant["backorder_limit"]
    state, expected_on = availability(*stock), variant["expected_on"]
    is_backorder = for_staff or state == Availability.BACKORDER
    by_id = {each["id"]: each for each in pictures} if variant["images"] else {}
    computed = {
        "images": [by_id[str(pk)] for pk in variant["images"] if str(pk) in by_id],
        "id": str(variant["_id"]),
        "price": _price(variant["price"]),
        "in_stock": variant["is_active"] and state != Availability.OUT_OF_STOCK,
        "availability": state.value if variant["is_active"] else Availability.OUT_OF_STOCK.value,
        "available_quantity": available_quantity(*stock),
        "expected_on": expected_on.date().isoformat() if expected_on and is_backorder else None,
        "cost": _price(variant["cost"]),
    }
    serializer = StaffVariantSerializer if for_staff else VariantSerializer
    return _select(serializer.Meta.fields, computed, variant)


def _select(names: Sequence[str], computed: Document, stored: Document) -> Document:
    return {name: computed[name] if name in computed else stored[name] for name in names}


def picture(
    *, pk: Any, name: str, alt: str, position: int, size: tuple[int | None, int | None], base_url: str
) -> dict[str, Any]:
    sizes = image_urls(name, base_url=base_url)
    return {
        "id": str(pk),
        "url": sizes["original"],
        "thumbnail": sizes["thumbnail"],
        "sizes": sizes,
        "alt": alt,
        "width": size[0],
        "height": size[1],
        "position": position,
    }


def _price(stored: Decimal128 | None) -> str | None:
    return None if stored is None else _price_text(stored.bid, settings.CURRENCY)


# The cache saves 6 % of a detail's time.
@lru_cache(maxsize=10_000)
def _price_text(bid: bytes, currency: str) -> str:
    return display(Decimal128.from_bid(bid).to_decimal(), currency)
