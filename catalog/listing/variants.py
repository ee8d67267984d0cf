"""Variants in replies: their shapes, and how they are read."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from bson import Decimal128, ObjectId
from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from catalog.availability import Availability, StockPolicy, availability, available_quantity
from catalog.listing.pictures import PictureSerializer, pictures_of
from catalog.models import Product, Variant
from catalog.sales import PricePlan
from catalog.serializers import AttributesField
from shop.db import documents
from shop.db.documents import Document
from shop.db.money_fields import MoneyField
from shop.money import display


class VariantSerializer(serializers.ModelSerializer):
    options = AttributesField(read_only=True)
    price = MoneyField(source="current_price", read_only=True, help_text="With a sale that is on.")
    compare_at_price = MoneyField(
        source="current_compare_at_price", read_only=True, allow_null=True, help_text="The regular price during a sale."
    )
    lowest_price_30_days = MoneyField(
        read_only=True,
        allow_null=True,
        help_text="Lowest price of the 30 days before the current reduction; null without one.",
    )
    availability = serializers.ChoiceField(choices=Availability.choices, read_only=True)
    images = PictureSerializer(many=True, read_only=True, help_text="Those of the product's that show this variant.")

    class Meta:
        model = Variant
        fields: tuple[str, ...] = (
            "id",
            "sku",
            "options",
            "price",
            "compare_at_price",
            "lowest_price_30_days",
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


STAFF_FIELDS = (
    "stock",
    "available_quantity",
    "stock_policy",
    "backorder_limit",
    "cost",
    "is_active",
    "position",
    "regular_price",
    "sale_price",
    "sale_starts_at",
    "sale_ends_at",
)


class StaffVariantSerializer(VariantSerializer):
    regular_price = MoneyField(source="price", read_only=True, help_text="The `price` that staff set.")
    sale_price = MoneyField(read_only=True, allow_null=True)
    available_quantity = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Units that can be ordered; null if there is no limit. For staff."
    )
    cost = MoneyField(read_only=True, allow_null=True)

    class Meta(VariantSerializer.Meta):
        fields = (*VariantSerializer.Meta.fields, *STAFF_FIELDS)


class ShownVariantSerializer(StaffVariantSerializer):
    stock = serializers.IntegerField(required=False, help_text="For staff only.")
    available_quantity = serializers.IntegerField(
        required=False, allow_null=True, help_text="Units that can be ordered; null if there is no limit. For staff."
    )
    stock_policy = serializers.ChoiceField(choices=StockPolicy.choices, required=False, help_text="For staff only.")
    backorder_limit = serializers.IntegerField(required=False, allow_null=True, help_text="For staff only.")
    cost = MoneyField(required=False, allow_null=True, help_text="For staff only.")
    is_active = serializers.BooleanField(required=False, help_text="For staff only.")
    position = serializers.IntegerField(required=False, help_text="For staff only: the sort order, lowest first.")
    regular_price = MoneyField(required=False, help_text="For staff only: the price without sales.")
    sale_price = MoneyField(required=False, allow_null=True, help_text="For staff only.")
    sale_starts_at = serializers.DateTimeField(required=False, allow_null=True, help_text="For staff only.")
    sale_ends_at = serializers.DateTimeField(required=False, allow_null=True, help_text="For staff only.")

    sometimes_absent = STAFF_FIELDS


WITH_VARIANTS = {
    "$lookup": {"from": Variant._meta.db_table, "localField": "_id", "foreignField": "product_id", "as": "variants"}
}


def variants_of(rows: list[Document], pictures: Sequence[Document], *, for_staff: bool) -> list[Document]:
    variants = [documents.with_defaults(Variant, row) for row in rows]
    variants.sort(key=lambda each: (each["position"], each["_id"]))
    now = timezone.now()
    return [
        _variant(each, pictures, for_staff=for_staff, moment=now) for each in variants if each["is_active"] or for_staff
    ]


def get_variant(pk: ObjectId, *, base_url: str) -> Document:
    """Return a variant as staff see it."""
    product = {"from": Product._meta.db_table, "localField": "product_id", "foreignField": "_id", "as": "product"}
    pipeline = [{"$match": {"_id": pk}}, {"$lookup": product}, {"$unwind": "$product"}]
    (row,) = documents.aggregate(Variant, pipeline)
    pictures = pictures_of(documents.with_defaults(Product, row["product"])["pictures"], base_url=base_url)
    return variants_of([row], pictures, for_staff=True)[0]


def _variant(variant: Document, pictures: Sequence[Document], *, for_staff: bool, moment: datetime) -> Document:
    currency = settings.CURRENCY
    stock = variant["stock"], variant["stock_policy"], variant["backorder_limit"]
    state, expected_on = availability(*stock), variant["expected_on"]
    is_backorder = for_staff or state == Availability.BACKORDER
    by_id = {each["id"]: each for each in pictures} if variant["images"] else {}
    plan = PricePlan.of_document(variant)
    is_sale = plan.is_sale(moment)
    computed = {
        "images": [by_id[str(pk)] for pk in variant["images"] if str(pk) in by_id],
        "id": str(variant["_id"]),
        "price": price_text(plan.at(moment), currency),
        "compare_at_price": price_text(plan.price, currency) if is_sale else None,
        "lowest_price_30_days": stored_price(
            variant["lowest_before_sale" if is_sale else "lowest_before_price"], currency
        ),
        "in_stock": variant["is_active"] and state != Availability.OUT_OF_STOCK,
        "availability": state.value if variant["is_active"] else Availability.OUT_OF_STOCK.value,
        "expected_on": expected_on.date().isoformat() if expected_on and is_backorder else None,
    }
    if for_staff:
        computed |= {
            "regular_price": stored_price(variant["price"], currency),
            "sale_price": stored_price(variant["sale_price"], currency),
            "sale_starts_at": variant["sale_starts_at"] and time_text(variant["sale_starts_at"]),
            "sale_ends_at": variant["sale_ends_at"] and time_text(variant["sale_ends_at"]),
            "available_quantity": available_quantity(*stock),
            "cost": stored_price(variant["cost"], currency),
        }
    serializer = StaffVariantSerializer if for_staff else VariantSerializer
    return select(serializer.Meta.fields, computed, variant)


def time_text(time: datetime) -> str:
    """Return a datetime of the driver, in naive UTC, in the format of :class:`~shop.api.renderers.JSONRenderer`."""
    return time.isoformat("T", "milliseconds") + "Z"


def select(names: Sequence[str], computed: Document, stored: Document) -> Document:
    return {name: computed[name] if name in computed else stored[name] for name in names}


def stored_price(stored: Decimal128 | None, currency: str) -> str | None:
    return None if stored is None else _stored_text(stored.bid, currency)


# The caches save 6 % of a detail's time.
@lru_cache(maxsize=10_000)
def _stored_text(bid: bytes, currency: str) -> str:
    return display(Decimal128.from_bid(bid).to_decimal(), currency)


@lru_cache(maxsize=10_000)
def price_text(price: Decimal, currency: str) -> str:
    return display(price, currency)
