from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import ATTRIBUTE_NAME, MAX_ATTRIBUTES, Category, Product, Variant, validate_attributes
from shop.api.fields import CodeField, LowerSlugField
from shop.api.optional_nulls import OptionalNulls
from shop.db import identifiers
from shop.db.fields import normalized_labels
from shop.db.money_fields import MoneyField
from shop.media.fields import UploadedImageField
from shop.media.urls import SIZES


class CategoryBriefSerializer(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()


class RatingSerializer(serializers.Serializer):
    average = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField()


class CategorySerializer(serializers.ModelSerializer):
    parent = serializers.CharField(source="parent_id", allow_null=True, read_only=True, help_text="An id, or null.")
    product_count = serializers.IntegerField(read_only=True, help_text="Active products here and below.")

    class Meta:
        model = Category
        fields = ["id", "name", "slug", "parent", "path", "product_count"]


class ProductSerializer(serializers.ModelSerializer):
    """A product in a list."""

    # Only for the API schema: `catalog.listing.replies` builds the responses.

    price = MoneyField(read_only=True)
    compare_at_price = MoneyField(read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True)
    image = serializers.URLField(read_only=True, allow_null=True)
    rating = RatingSerializer(read_only=True)
    category = CategoryBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Product
        fields = [
            "id",
            "name",
            "slug",
            "price",
            "compare_at_price",
            "currency",
            "in_stock",
            "image",
            "rating",
            "category",
        ]


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
    position = serializers.IntegerField(read_only=True)


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
    def to_internal_value(self, data: Any) -> dict[str, str]:
        try:
            pairs = normalized_labels(data)
            validate_attributes(pairs)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
        return pairs


class VariantSerializer(serializers.ModelSerializer):
    options = AttributesField(read_only=True)
    price = MoneyField(read_only=True)

    class Meta:
        model = Variant
        fields = ["id", "sku", "options", "price", "in_stock"]
        extra_kwargs = {"in_stock": {"read_only": True}}


class StaffVariantSerializer(VariantSerializer):
    class Meta(VariantSerializer.Meta):
        fields = [*VariantSerializer.Meta.fields, "stock", "is_active"]


class ShownVariantSerializer(StaffVariantSerializer):
    stock = serializers.IntegerField(required=False, help_text="For staff only.")
    is_active = serializers.BooleanField(required=False, help_text="For staff only.")


class ProductDetailSerializer(ProductSerializer):
    """A product; staff also see stock and inactive variants."""

    images = PictureSerializer(many=True, read_only=True)
    variants = ShownVariantSerializer(many=True, read_only=True)
    attributes = AttributesField(read_only=True)

    class Meta(ProductSerializer.Meta):
        fields = [
            *ProductSerializer.Meta.fields,
            "description",
            "images",
            "variants",
            "attributes",
            "is_active",
            "created_at",
            "updated_at",
        ]


# --- Facets -----------------------------------------------------------------------------------------------------------


class CategoryFacetSerializer(CategoryBriefSerializer):
    parent = serializers.CharField(allow_null=True, help_text="An id, or null.")
    count = serializers.IntegerField(help_text="Products here and below.")


class PriceRangeSerializer(serializers.Serializer):
    """A price range for `min_price` and `max_price`."""

    min = MoneyField()
    max = MoneyField()
    count = serializers.IntegerField()


class PriceFacetSerializer(serializers.Serializer):
    min = MoneyField(allow_null=True, help_text="The lowest price of all.")
    max = MoneyField(allow_null=True, help_text="The highest price of all.")
    ranges = PriceRangeSerializer(many=True, help_text="Those that hold products, the lowest first.")


class StockFacetSerializer(serializers.Serializer):
    value = serializers.BooleanField()
    count = serializers.IntegerField()


class AttributeValueSerializer(serializers.Serializer):
    value = serializers.CharField()
    count = serializers.IntegerField()


class AttributeFacetSerializer(serializers.Serializer):
    name = serializers.CharField()
    values = AttributeValueSerializer(many=True, help_text="The commonest first, at most 100.")


class FacetsSerializer(serializers.Serializer):
    count = serializers.IntegerField(help_text="As in the list.")
    count_exact = serializers.BooleanField(help_text="As in the list.")
    exact = serializers.BooleanField(
        help_text="False where more than 10,000 products had to be counted; the newest 10,000 of them were."
    )
    categories = CategoryFacetSerializer(many=True, help_text="In the order of `/categories/`.")
    price = PriceFacetSerializer()
    in_stock = StockFacetSerializer(many=True)
    attributes = AttributeFacetSerializer(many=True, help_text="By name, at most 50.")


# --- Write serializers ------------------------------------------------------------------------------------------------


class VariantWriteSerializer(OptionalNulls):
    sku = CodeField(max_length=64, required=False)
    options = AttributesField(required=False)
    price = MoneyField()
    stock = serializers.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, required=False)


class VariantUpdateSerializer(VariantWriteSerializer):
    """Stock has a separate endpoint."""

    stock = None

    class Meta:
        fields = ["sku", "options", "price"]


class CategoryField(serializers.SlugRelatedField):
    """Unlike in REST framework, an empty text is invalid."""

    def run_validation(self, data: Any = serializers.empty) -> Category | None:
        if data == "":
            self.fail("does_not_exist", slug_name=self.slug_field, value=data)
        return super().run_validation(data)


class ProductWriteSerializer(OptionalNulls):
    """A product with `variants`, or with the price, SKU and stock of a single variant."""

    name = serializers.CharField(max_length=200)
    slug = LowerSlugField(max_length=220, required=False, validators=Product._meta.get_field("slug").validators[1:])
    description = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    category = CategoryField(slug_field="slug", queryset=Category.objects.all(), required=False, allow_null=True)
    price = MoneyField(required=False)
    compare_at_price = MoneyField(required=False, allow_null=True)
    sku = CodeField(max_length=64, required=False)
    stock = serializers.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, required=False)
    is_active = serializers.BooleanField(required=False)
    attributes = AttributesField(required=False)
    variants = VariantWriteSerializer(many=True, required=False, allow_empty=False, max_length=100)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "variants" in attrs:
            for name in ("price", "sku", "stock"):
                if name in attrs:
                    raise serializers.ValidationError({name: "Give this for each of the variants."}, code="ambiguous")
            skus = [identifiers.key(variant["sku"]) for variant in attrs["variants"] if "sku" in variant]
            if len(set(skus)) < len(skus):
                raise serializers.ValidationError({"variants": "Two variants have the same SKU."}, code="sku_taken")
        elif not self.partial and self.instance is None and "price" not in attrs:
            raise serializers.ValidationError({"price": "This field is required."}, code="required")
        return attrs


class ImageUploadSerializer(OptionalNulls):
    image = UploadedImageField()
    alt = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class ImageUpdateSerializer(OptionalNulls):
    alt = serializers.CharField(max_length=200, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=0, max_value=1000, required=False)


class StockChangeSerializer(OptionalNulls):
    """Either `delta`, or `set` to the counted stock."""

    delta = serializers.IntegerField(min_value=-settings.MAX_QUANTITY, max_value=settings.MAX_QUANTITY, required=False)
    reason = serializers.CharField(max_length=200)

    def get_fields(self) -> dict[str, serializers.Field]:
        # `set` would shadow the builtin.
        fields = super().get_fields()
        fields["set"] = serializers.IntegerField(min_value=0, max_value=settings.MAX_QUANTITY, required=False)
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("delta" in attrs) == ("set" in attrs):
            raise serializers.ValidationError({"delta": "Give either delta or set."}, code="ambiguous")
        return attrs
