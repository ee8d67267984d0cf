from typing import Any

from rest_framework import serializers

from catalog.collections.models import Collection
from catalog.collections.services import MOST_ADDED, find_products
from catalog.models import Product
from catalog.seo import EditedSEOSerializer, ShownSEOSerializer
from shop.api.fields import LowerSlugField
from shop.api.optional_nulls import OptionalNulls
from shop.api.pagination import MAX_COUNTED
from shop.media.fields import ImageURLField, UploadedImageField

# The fields that only staff see.
OF_STAFF = ("is_active", "position", "created_at")


class CollectionSerializer(serializers.ModelSerializer):
    image = ImageURLField()
    seo = ShownSEOSerializer(source="*", read_only=True)
    is_active = serializers.BooleanField(required=False, help_text="For staff only.")
    position = serializers.IntegerField(required=False, help_text="For staff only: the sort order, lowest first.")
    created_at = serializers.DateTimeField(required=False, help_text="For staff only.")

    sometimes_absent: tuple[str, ...] = OF_STAFF

    class Meta:
        model = Collection
        fields = ["id", "name", "slug", "description", "image", "seo", *OF_STAFF]

    def to_representation(self, collection: Collection) -> dict[str, Any]:
        shown = super().to_representation(collection)
        return {name: value for name, value in shown.items() if name not in self.sometimes_absent}


class StaffCollectionSerializer(OptionalNulls, CollectionSerializer):
    slug = LowerSlugField(
        max_length=140, required=False, help_text="Made from the name if absent. A former slug redirects to it."
    )
    description = serializers.CharField(max_length=5_000, required=False, allow_blank=True)
    is_active = serializers.BooleanField(required=False, help_text="Inactive collections are not shown.")
    position = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, help_text="Sort order, lowest first."
    )
    created_at = serializers.DateTimeField(read_only=True)
    seo = EditedSEOSerializer(source="*", required=False)  # type: ignore[assignment]

    sometimes_absent = ()


class CollectionImageSerializer(serializers.Serializer):
    image = UploadedImageField()


class PlacedProductSerializer(serializers.ModelSerializer):
    """A product of a collection, in the hand-made order."""

    class Meta:
        model = Product
        fields = ["id", "name", "slug", "is_active"]


class ProductNamesField(serializers.ListField):
    """Products by SKU, slug or id; validated to ids."""

    child = serializers.CharField(max_length=220)

    def run_validation(self, data: Any = serializers.empty) -> list[Any]:
        found = find_products(list(dict.fromkeys(super().run_validation(data))))
        if unknown := [name for name, pk in found.items() if pk is None]:
            text = f"No product has this SKU, slug or id: {', '.join(unknown[:10])}"
            raise serializers.ValidationError(text, code="does_not_exist")
        return list(found.values())


class CollectionProductsSerializer(OptionalNulls):
    """Products are removed first, then sorted, then added at the end, all together."""

    remove = ProductNamesField(max_length=MOST_ADDED, required=False, help_text="SKUs, slugs or ids.")
    order = ProductNamesField(
        max_length=MAX_COUNTED,
        required=False,
        help_text="SKUs, slugs or ids in their order; products that it does not name follow.",
    )
    add = ProductNamesField(max_length=MOST_ADDED, required=False, help_text="SKUs, slugs or ids.")
