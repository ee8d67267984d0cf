from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.attributes import (
    ATTRIBUTE_NAME,
    MAX_ATTRIBUTES,
    MAX_OPTION_VALUES,
    validate_attributes,
    validate_option_order,
)
from catalog.availability import StockPolicy, validate_barcode
from catalog.collections.models import Collection
from catalog.models import MAX_VARIANT_IMAGES, MAX_VARIANTS, MAX_WEIGHT, Category, Product
from catalog.options import validate_options
from catalog.seo import SEOSerializer, ShownSEOSerializer, seo_fields
from catalog.tags import LONGEST_TAG, MAX_TAGS, validate_tags
from catalog.tax_classes import TaxClass
from shop.api.fields import CodeField, LowerSlugField, TimeField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.api.schema_fields import NULL, Alternative
from shop.db import identifiers
from shop.db.fields import normalized_labels, normalized_options, normalized_tags
from shop.db.money_fields import MoneyField
from shop.media.fields import UploadedImageField


class CategorySerializer(serializers.ModelSerializer):
    parent = serializers.CharField(  # type: ignore[assignment]
        source="parent_id", allow_null=True, read_only=True, help_text="An id, or null."
    )
    product_count = serializers.IntegerField(
        read_only=True, help_text="Active products in this category and its descendants."
    )

    seo = ShownSEOSerializer(source="*", read_only=True)
    position = serializers.IntegerField(required=False, help_text="For staff only: sorts siblings, lowest first.")

    class Meta:
        model = Category
        fields = ["id", "name", "slug", "parent", "path", "product_count", "seo", "position"]

    sometimes_absent: tuple[str, ...] = ("position",)

    def to_representation(self, category: Category) -> dict[str, Any]:
        shown = super().to_representation(category)
        return {name: value for name, value in shown.items() if name not in self.sometimes_absent}

    descriptions = {"path": "Names from the top category to this one."}


@extend_schema_field(
    {
        "type": "object",
        "propertyNames": {"pattern": f"^{ATTRIBUTE_NAME}$"},
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 200},
        "maxProperties": MAX_ATTRIBUTES,
        "examples": [{"colour": "red"}],
    }
)
class AttributesField(serializers.JSONField):
    def validate_pairs(self, pairs: dict[str, str]) -> None:
        validate_attributes(pairs)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        try:
            pairs = normalized_labels(data)
            self.validate_pairs(pairs)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
        return pairs


class VariantOptionsField(AttributesField):
    def validate_pairs(self, pairs: dict[str, str]) -> None:
        validate_options(pairs)


@extend_schema_field(
    {
        "type": "array",
        "maxItems": MAX_ATTRIBUTES,
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{ATTRIBUTE_NAME}$", "description": "Name of the option."},
                "values": {
                    "type": "array",
                    "description": "Its values in order.",
                    "minItems": 1,
                    "maxItems": MAX_OPTION_VALUES,
                    "items": {"type": "string", "minLength": 1, "maxLength": 200},
                },
            },
            "required": ["name", "values"],
        },
        "examples": [[{"name": "size", "values": ["S", "M", "L"]}]],
    }
)
class OptionOrderField(serializers.JSONField):
    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        try:
            options = normalized_options(
                [{"name": each["name"], "values": each["values"]} for each in data]
                if isinstance(data, list)
                and all(isinstance(each, dict) and {"name", "values"} <= set(each) for each in data)
                else data
            )
            validate_option_order(options)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
        return options


class TagsField(serializers.ListField):
    child = serializers.CharField(max_length=LONGEST_TAG)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_TAGS, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        tags = normalized_tags(super().to_internal_value(data))
        try:
            validate_tags(tags)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
        return tags


# --- Write serializers ------------------------------------------------------------------------------------------------


class WeightField(serializers.IntegerField):
    def __init__(self) -> None:
        super().__init__(
            min_value=0, max_value=MAX_WEIGHT, required=False, allow_null=True, help_text="In grams, packed."
        )


class StockPolicyFields(serializers.Serializer):
    """What variants, and products with a single one, have in common."""

    barcode = CodeField(max_length=14, required=False, allow_blank=True, validators=[validate_barcode])
    cost = MoneyField(required=False, allow_null=True, help_text="Only staff see it.")
    stock_policy = serializers.ChoiceField(
        choices=StockPolicy.choices,
        required=False,
        help_text="`deny` (the default): sold while in stock. `backorder`: also sold below zero, down to "
        "`backorder_limit`. `untracked`: always sold.",
    )
    backorder_limit = serializers.IntegerField(
        min_value=0, max_value=settings.MAX_QUANTITY, required=False, allow_null=True, help_text="Null for no limit."
    )
    expected_on = serializers.DateField(
        required=False, allow_null=True, help_text="Shown to buyers: when units on back-order are expected."
    )


class SalePriceSerializer(OptionalNulls):
    sale_price = MoneyField(required=False, allow_null=True, help_text="Below `price`; null ends the sale.")
    sale_starts_at = TimeField(required=False, allow_null=True, help_text="Null: at once.")
    sale_ends_at = TimeField(required=False, allow_null=True, help_text="Null: never.")


class VariantWriteSerializer(StockPolicyFields, SalePriceSerializer):
    sku = CodeField(max_length=64, required=False)
    options = VariantOptionsField(required=False)
    price = MoneyField()
    weight = WeightField()
    images = serializers.ListField(
        child=ObjectIdField(),
        max_length=MAX_VARIANT_IMAGES,
        required=False,
        help_text="Ids of images of the product, the variant's first one first.",
    )
    stock = serializers.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, required=False)


class NewVariantSerializer(VariantWriteSerializer):
    is_active = serializers.BooleanField(required=False, help_text="Inactive variants are neither shown nor sold.")
    position = serializers.IntegerField(
        min_value=0, max_value=10_000, required=False, help_text="Sort order, lowest first; the last one if absent."
    )


class VariantUpdateSerializer(NewVariantSerializer):
    """Stock has a separate endpoint."""

    stock = None  # type: ignore[assignment]


class CategoryField(serializers.SlugRelatedField):
    """Refuse an empty text, which REST framework would read as null."""

    def run_validation(self, data: Any = serializers.empty) -> Category | None:
        if data == "":
            self.fail("does_not_exist", slug_name=self.slug_field, value=data)
        return super().run_validation(data)


OF_VARIANTS = (
    "price",
    "sku",
    "weight",
    "barcode",
    "cost",
    "stock",
    "stock_policy",
    "backorder_limit",
    "expected_on",
    "sale_price",
    "sale_starts_at",
    "sale_ends_at",
)


def has_fields_of_variants(data: Mapping[str, Any]) -> bool:
    """Return whether the input for a product changes its variants, too; without ``sku``, which may only name one."""
    return not data.keys().isdisjoint({*OF_VARIANTS, "variants"} - {"sku"})


OF_EACH = {**NULL, "description": "Specified for each variant."}


class ProductWriteSerializer(StockPolicyFields, SalePriceSerializer):
    """A product with `variants`, or with the price, SKU, weight and stock of a single variant."""

    name = serializers.CharField(max_length=200)
    slug = LowerSlugField(max_length=220, required=False, validators=Product._meta.get_field("slug").validators[1:])
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    category = CategoryField(slug_field="slug", queryset=Category.objects.all(), required=False, allow_null=True)
    additional_categories = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Category.objects.all(),
        many=True,
        required=False,
        help_text="Slugs of further categories.",
    )
    brand = serializers.CharField(max_length=100, required=False, allow_blank=True)
    tags = TagsField(required=False)
    collections = serializers.SlugRelatedField(
        slug_field="slug", queryset=Collection.objects.all(), many=True, required=False, help_text="Slugs."
    )
    seo = SEOSerializer(required=False)
    price = MoneyField(required=False)
    compare_at_price = MoneyField(required=False, allow_null=True)
    sku = CodeField(max_length=64, required=False)
    weight = WeightField()
    stock = serializers.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, required=False)
    is_active = serializers.BooleanField(required=False)
    free_shipping = serializers.BooleanField(required=False)
    tax_class = serializers.ChoiceField(choices=TaxClass.choices, required=False)
    attributes = AttributesField(required=False)
    options = OptionOrderField(
        source="option_order",
        required=False,
        help_text="The order of the variants' options and values. It may name some of them; the others follow.",
    )
    variants = VariantWriteSerializer(many=True, required=False, allow_empty=False, max_length=MAX_VARIANTS)  # type: ignore[call-arg]

    # With variants, each has its own.
    extra_schema = {
        "if": {"required": ["variants"], "properties": {"variants": {"type": "array"}}},
        "then": {"properties": dict.fromkeys(OF_VARIANTS, OF_EACH)},
    }
    alternatives: tuple[Alternative, ...] = (
        Alternative("ProductWithVariants", required=("variants",), fields=dict.fromkeys(OF_VARIANTS, OF_EACH)),
        Alternative("ProductWithSingleVariant", fields={"variants": NULL}),
    )
    descriptions = {
        "additional_categories": "Slugs of further categories.",
        "category": "Slug of the main category, or null.",
        "compare_at_price": "Former price to be shown crossed out: at least `price`, or null.",
        "price": "Price of the single variant.",
        "sku": "SKU of the single variant; made from the name if absent.",
        "stock": "Units of the single variant in stock.",
        "tags": "Tags; stored in lower case, each once.",
        "variants": "All variants. Those that are not named are removed.",
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs |= seo_fields(attrs.pop("seo", {}))
        for name in ("additional_categories", "collections"):
            if name in attrs:
                attrs[name] = list(dict.fromkeys(row.pk for row in attrs[name]))
        if "variants" in attrs:
            for name in OF_VARIANTS:
                if name in attrs:
                    raise serializers.ValidationError({name: "Specify this for each variant."}, code="ambiguous")
            skus = [identifiers.key(variant["sku"]) for variant in attrs["variants"] if "sku" in variant]
            if len(set(skus)) < len(skus):
                raise serializers.ValidationError({"variants": "Two variants have the same SKU."}, code="sku_taken")
        elif not self.partial and self.instance is None and "price" not in attrs:
            raise serializers.ValidationError({"price": "This field is required."}, code="required")
        return attrs


class ImageUploadSerializer(OptionalNulls):
    image = UploadedImageField(help_text="A JPEG, PNG or WebP file.")
    alt = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class ImageUpdateSerializer(OptionalNulls):
    alt = serializers.CharField(max_length=200, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=0, max_value=1000, required=False)


class StockChangeSerializer(OptionalNulls):
    """Either `delta`, or `set` to the counted stock."""

    delta = serializers.IntegerField(min_value=-settings.MAX_QUANTITY, max_value=settings.MAX_QUANTITY, required=False)
    reason = serializers.CharField(max_length=200)
    set = serializers.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, required=False)

    alternatives: tuple[Alternative, ...] = (
        Alternative("ChangeStockByDelta", required=("delta",), fields={"set": NULL}),
        Alternative("SetStock", required=("set",), fields={"delta": NULL}),
    )
    descriptions = {
        "delta": "Units to add, or with a minus to remove.",
        "set": "The counted stock.",
        "reason": "Reason, kept with the stock movement.",
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("delta" in attrs) == ("set" in attrs):
            raise serializers.ValidationError({"delta": "Specify either delta or set."}, code="ambiguous")
        return attrs
