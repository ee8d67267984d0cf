"""List and detail replies. A serializer's ``Meta.fields`` names their fields, shown as stored unless computed here."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.utils import timezone
from rest_framework import serializers

from catalog.collections.models import Collection
from catalog.listing.pictures import PictureSerializer, item_picture, pictures_of
from catalog.listing.prices import correct_prices, current_prices, stored_prices
from catalog.listing.variants import (
    WITH_VARIANTS,
    ShownVariantSerializer,
    select,
    time_text,
    variants_of,
)
from catalog.models import Category, Product
from catalog.seo import ShownSEOSerializer
from catalog.serializers import AttributesField
from shop.db import documents
from shop.db.documents import Document, Pipeline
from shop.db.money_fields import MoneyField
from shop.media.urls import urls_of

# --- Shapes -----------------------------------------------------------------------------------------------------------


class CategoryBriefSerializer(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()


class CollectionBriefSerializer(serializers.Serializer):
    name = serializers.CharField()
    slug = serializers.CharField()


class RatingSerializer(serializers.Serializer):
    average = serializers.FloatField(allow_null=True, help_text="From 1 to 5, or null without reviews.")
    count = serializers.IntegerField(help_text="Number of reviews.")


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
    price_min = MoneyField(read_only=True, help_text="Lowest price of the active variants.")
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
    tags = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="In lower case, sorted.")

    descriptions = {"rating": "Average of the reviews."}

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
            "brand",
            "tags",
            "updated_at",
        )


class ListedProductSerializer(ProductSerializer):
    """A product in a list."""

    variants = ShownVariantSerializer(
        many=True, required=False, help_text="Only with `expand=variants`: those of the detail."
    )

    is_active = serializers.BooleanField(required=False, help_text="Only with `status`.")

    sometimes_absent = ("variants", "is_active")

    class Meta(ProductSerializer.Meta):
        fields = (*ProductSerializer.Meta.fields, "variants", "is_active")


class ProductDetailSerializer(ProductSerializer):
    """A product; staff also see stock and inactive variants."""

    images = PictureSerializer(many=True, read_only=True)
    variants = ShownVariantSerializer(many=True, read_only=True)
    attributes = AttributesField(read_only=True)
    additional_categories = CategoryBriefSerializer(many=True, read_only=True)
    collections = CollectionBriefSerializer(many=True, read_only=True)
    seo = ShownSEOSerializer(read_only=True)
    lowest_price_30_days = MoneyField(
        read_only=True,
        allow_null=True,
        help_text="Lowest price of the 30 days before the current reduction; null without one.",
    )

    class Meta(ProductSerializer.Meta):
        fields = (
            *ProductSerializer.Meta.fields,
            "description",
            "images",
            "variants",
            "attributes",
            "additional_categories",
            "collections",
            "seo",
            "lowest_price_30_days",
            "is_active",
            "free_shipping",
            "tax_class",
            "created_at",
        )


_ITEM_PICTURES = 2

# --- Lists ------------------------------------------------------------------------------------------------------------

# Columns of an item. With expressions that compute its fields, the command took MongoDB twice the time.
_LISTED = (
    "name",
    "slug",
    "price",
    "price_max",
    "compare_at_price",
    "regular_price",
    "next_price_at",
    "in_stock",
    "pictures",
    "rating_average",
    "rating_count",
    "category_id",
    "category_name",
    "category_slug",
    "options",
    "brand",
    "tags",
    "updated_at",
)


def list_products(
    found: Pipeline,
    *,
    source: type[Model] = Product,
    index: str | None,
    base_url: str,
    with_variants: bool = False,
    for_staff: bool = False,
    extra_fields: Mapping[str, Any],
    last_stages: Pipeline,
) -> list[Document]:
    """Return list items with ``extra_fields``, then the documents of ``last_stages``, which have no ``_id``.

    ``found`` are products that are found in the collection of ``source``; ``index`` is a hint.
    Staff also get inactive variants, and the stock of all.
    """
    variants: dict[str, Any] = {"variants": 1} if with_variants else {}
    stored = {"$project": {**dict.fromkeys(_LISTED, 1), **variants, **extra_fields}}
    pipeline = [*found, *([WITH_VARIANTS] if with_variants else []), stored, *last_stages]
    rows = documents.aggregate(source, pipeline, index=index)
    items: list[Document] = []
    outdated: list[Document] = []
    card, currency, now = urls_of("card", base_url=base_url), settings.CURRENCY, timezone.now()
    for row in rows:
        if "_id" not in row:
            items.append(row)
            continue
        try:
            item = _item(row, stored_prices(row, currency), card=card, currency=currency)
        except KeyError:
            # Documents of an older release.
            row = documents.with_defaults(Product, row)
            item = _item(row, stored_prices(row, currency), card=card, currency=currency)
        if with_variants:
            pictures = pictures_of(row["pictures"], base_url=base_url)
            item["variants"] = variants_of(row["variants"], pictures, for_staff=for_staff)
        for name in extra_fields:
            item[name] = row[name]
        items.append(item)
        changes_at = row.get("next_price_at")
        if changes_at is not None and changes_at.replace(tzinfo=UTC) <= now:
            outdated.append(item)
    correct_prices(outdated)
    return items


def _item(product: Document, prices: Document, *, card: Callable[[str | None], str | None], currency: str) -> Document:
    """Return the fields of a list; ``card`` returns URLs."""
    category, average = product["category_id"], product["rating_average"]
    pictures = [item_picture(each, card) for each in product["pictures"][:_ITEM_PICTURES]]
    return {
        "id": str(product["_id"]),
        "name": product["name"],
        "slug": product["slug"],
        "price": prices["price"],
        "price_min": prices["price_min"],
        "price_max": prices["price_max"],
        "compare_at_price": prices["compare_at_price"],
        "currency": currency,
        "in_stock": product["in_stock"],
        "image": pictures[0]["url"] if pictures else None,
        "rating": {
            "average": None if average is None else float(documents.decimal_of(average)),
            "count": product["rating_count"],
        },
        "category": category
        and {"id": str(category), "name": product["category_name"], "slug": product["category_slug"]},
        "item_images": pictures,
        "options": product["options"],
        "brand": product["brand"],
        "tags": product["tags"],
        "updated_at": time_text(product["updated_at"]),
    }


# --- Details ----------------------------------------------------------------------------------------------------------

_WITHOUT_SEARCH_FIELDS = {
    "$unset": [
        "search_words",
        "search_beginnings",
        "sort_name",
        "attribute_pairs",
        "option_pairs",
        "combinations",
        "brand_slug",
        "category_lineage",
    ]
}
_CATEGORY_BRIEFS: Pipeline = [
    {"$sort": {"path": 1}},
    {"$project": {"_id": 0, "id": {"$toString": "$_id"}, "name": 1, "slug": 1}},
]
_ACTIVE: Document = {"$match": {"is_active": True}}
_COLLECTION_BRIEFS: Pipeline = [
    {"$sort": {"position": 1, "name": 1}},
    {"$project": {"_id": 0, "name": 1, "slug": 1}},
]


def _groups_of(product: Document, *, for_staff: bool) -> dict[str, list[Document]]:
    """Return its additional categories and its collections, for staff also inactive ones.

    By a command of its own, because most products have none: as stages of the first one they take it 50 % more time.
    """
    categories, collections = product["additional_categories"], product["collections"]
    if not (categories or collections):
        return {"additional_categories": [], "collections": []}
    shown = [] if for_staff else [_ACTIVE]
    in_collections = [{"$match": {"_id": {"$in": collections}}}, *shown, *_COLLECTION_BRIEFS]
    pipeline: Pipeline = [
        {"$match": {"_id": {"$in": categories}}},
        *_CATEGORY_BRIEFS,
        {"$unionWith": {"coll": Collection._meta.db_table, "pipeline": in_collections}},
    ]
    rows = documents.aggregate(Category, pipeline)
    return {
        "additional_categories": [row for row in rows if "id" in row],
        "collections": [row for row in rows if "id" not in row],
    }


def get_product_detail(where: Mapping[str, Any], *, for_staff: bool, base_url: str) -> Document | None:
    """Staff also get inactive products and variants, and the stock."""
    rows = documents.aggregate(Product, [{"$match": where}, _WITHOUT_SEARCH_FIELDS, WITH_VARIANTS])
    product = documents.with_defaults(Product, rows[0]) if rows else None
    if product is None or not (product["is_active"] or for_staff):
        return None
    pictures = pictures_of(product["pictures"], base_url=base_url)
    prices = current_prices(product, [row for row in product["variants"] if row.get("is_active", True)])
    computed = {
        **_item(product, prices, card=urls_of("card", base_url=base_url), currency=settings.CURRENCY),
        **_groups_of(product, for_staff=for_staff),
        "lowest_price_30_days": prices["lowest_price_30_days"],
        "images": pictures,
        "variants": variants_of(product["variants"], pictures, for_staff=for_staff),
        "seo": {"title": product["seo_title"], "description": product["seo_description"]},
        "created_at": time_text(product["created_at"]),
    }
    return select(ProductDetailSerializer.Meta.fields, computed, product)
