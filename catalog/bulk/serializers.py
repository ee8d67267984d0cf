from typing import Any

from django.conf import settings
from rest_framework import serializers

from catalog.bulk.results import MOST_ERRORS, Status
from catalog.errors import SaleInvalid
from catalog.models import MAX_VARIANTS, Product
from catalog.sales import PricePlan
from catalog.seo import SEOSerializer
from catalog.serializers import (
    OF_VARIANTS,
    AttributesField,
    OptionOrderField,
    SalePriceSerializer,
    StockChangeSerializer,
    StockPolicyFields,
    TagsField,
    VariantOptionsField,
    WeightField,
)
from catalog.services import SALE_FIELDS
from catalog.tax_classes import TaxClass
from shop.api.fields import CodeField, LowerSlugField
from shop.api.object_ids import ObjectIdField
from shop.db import identifiers
from shop.db.money_fields import MoneyField
from shop.jobs.timing import now

_LONGEST_SLUG, _MOST_SLUGS = 140, 100


class _CheckedSale(SalePriceSerializer):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what the fields of the row contradict; the rest is known with the variant."""
        if attrs.get("price") is not None:
            plan = PricePlan(attrs["price"], *(attrs.get(name) for name in SALE_FIELDS))
            if not plan.is_valid and not plan.has_ended(now()):
                raise serializers.ValidationError(
                    {"sale_price": SaleInvalid.default_detail}, code=SaleInvalid.default_code
                )
        return attrs


class StockRowSerializer(StockChangeSerializer):
    """Either `delta`, or `set` to the counted stock."""

    sku = CodeField(max_length=64)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    alternatives = tuple(each._replace(name=f"{each.name}OfSku") for each in StockChangeSerializer.alternatives)


class PriceRowSerializer(_CheckedSale):
    sku = CodeField(max_length=64)
    price = MoneyField(required=False)
    compare_at_price = MoneyField(required=False, allow_null=True, help_text="The product's. Null removes it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) == 1:
            raise serializers.ValidationError({"price": "Specify a price."}, code="required")
        return super().validate(attrs)


class _VariantFields(StockPolicyFields, _CheckedSale):
    price = MoneyField(required=False, help_text="Required for a new one.")
    weight = WeightField()
    stock = serializers.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, required=False)


class VariantRowSerializer(_VariantFields):
    sku = CodeField(max_length=64, help_text="The variant's, or that of a new one.")
    options = VariantOptionsField(required=False)
    is_active = serializers.BooleanField(required=False)


def _slugs(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=LowerSlugField(max_length=_LONGEST_SLUG), max_length=_MOST_SLUGS, required=False, **options
    )


class ProductRowSerializer(_VariantFields):
    """A product by its `id`, its `slug` or the `sku` of a variant. Omitted fields stay as they are."""

    id = ObjectIdField(required=False)
    slug = LowerSlugField(max_length=220, required=False, validators=Product._meta.get_field("slug").validators[1:])
    sku = CodeField(max_length=64, required=False)
    name = serializers.CharField(max_length=200, required=False, help_text="Required for a new product.")
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    category = LowerSlugField(max_length=_LONGEST_SLUG, required=False, allow_null=True)
    additional_categories = _slugs(help_text="Slugs of further categories.")
    brand = serializers.CharField(max_length=100, required=False, allow_blank=True)
    tags = TagsField(required=False)
    collections = _slugs(help_text="Slugs.")
    seo = SEOSerializer(required=False)
    compare_at_price = MoneyField(required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)
    free_shipping = serializers.BooleanField(required=False)
    tax_class = serializers.ChoiceField(choices=TaxClass.choices, required=False)
    attributes = AttributesField(required=False)
    options = OptionOrderField(required=False, help_text="The order of the variants' options and values.")
    variants = VariantRowSerializer(  # type: ignore[call-arg]
        many=True,
        required=False,
        allow_empty=False,
        max_length=MAX_VARIANTS,
        help_text="By SKU; variants that are not named stay. Without them, the fields of a variant are those of the "
        "product's only one.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not {"id", "slug", "sku"} & attrs.keys():
            raise serializers.ValidationError({"sku": "Specify an id, a slug or a SKU."}, code="required")
        if variants := attrs.get("variants"):
            for name in OF_VARIANTS:
                if name in attrs and name != "sku":
                    raise serializers.ValidationError({name: "Specify this for each variant."}, code="ambiguous")
            if len({identifiers.key(variant["sku"]) for variant in variants}) < len(variants):
                raise serializers.ValidationError({"variants": "Two variants have the same SKU."}, code="sku_taken")
        return super().validate(attrs)


class RowErrorSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="For programs.")
    detail = serializers.CharField(help_text="For people.")
    attr = serializers.CharField(allow_null=True, help_text="The invalid input of the row, such as `price`.")


class RowResultSerializer(serializers.Serializer):
    index = serializers.IntegerField(help_text="The row's place in the body, from 0.")
    status = serializers.ChoiceField(choices=[(each.value, each.value) for each in Status])
    id = serializers.CharField(
        allow_null=True, help_text="Id of the product; in calls for prices and stock of the variant. Null for an error."
    )
    sku = serializers.CharField(allow_null=True)
    errors = RowErrorSerializer(  # type: ignore[assignment]
        many=True,
        help_text=f"The first {MOST_ERRORS}; empty unless `status` is `error`.",
    )


class BulkResultSerializer(serializers.Serializer):
    created = serializers.IntegerField(help_text="Number of rows that created something.")
    updated = serializers.IntegerField(help_text="Number of rows that changed something.")
    unchanged = serializers.IntegerField(help_text="Number of rows with nothing new.")
    failed = serializers.IntegerField(help_text="Number of rows that were refused.")
    results = RowResultSerializer(many=True, help_text="One per row, in their order.")
