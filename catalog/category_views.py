"""Changes of categories by staff."""

from typing import Any, TypeVar

from bson import ObjectId
from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from catalog.categories import count_products, delete_category, free_category_slug, save_category
from catalog.errors import CategoryCycle, CategoryInUse, SlugTaken
from catalog.models import Category
from catalog.seo import EditedSEOSerializer
from catalog.serializers import CategorySerializer
from shop.api.fields import LowerSlugField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.api.permissions import staff_may
from shop.api.resources import CreateAndUpdate, Destroy, permissions_of

M = TypeVar("M", bound=Model)
SEE_POSITION = permissions_of(Category, "view")


def find_by_slug_or_id(rows: QuerySet[M], key: str) -> M:
    """Raises ``Http404``. The rows are unsorted: a sort of the one row would need memory."""
    found = next(iter(rows.filter(slug=key)[:1]), None)
    if found is None and ObjectId.is_valid(key):
        found = rows.filter(pk=key).first()
    if found is None:
        raise Http404
    return found


class StaffCategorySerializer(OptionalNulls, CategorySerializer):
    slug = LowerSlugField(
        max_length=140, required=False, help_text="Made from the name if absent. A former slug redirects to it."
    )
    parent = serializers.PrimaryKeyRelatedField(  # type: ignore[assignment]
        queryset=Category.objects.all(),
        pk_field=ObjectIdField(),
        required=False,
        allow_null=True,
        help_text="An id, or null. Descendants move with their category.",
    )
    position = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, help_text="Sorts siblings, lowest first."
    )
    seo = EditedSEOSerializer(source="*", required=False)  # type: ignore[assignment]

    sometimes_absent = ()

    class Meta(CategorySerializer.Meta):
        read_only_fields = ["path"]


class CategoryWrites(CreateAndUpdate, Destroy):
    taken_error = SlugTaken
    # Of reads and writes.
    lookup_field = "slug"
    lookup_value_regex = "[^/.]+"
    errors = {
        "create": [CategoryCycle],
        "update": [CategoryCycle],
        "partial_update": [CategoryCycle],
        "destroy": [CategoryInUse],
    }

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        changes = self.action in ("create", "update", "partial_update", "destroy")
        is_staff = self.request is not None and staff_may(self.request.user, *SEE_POSITION)
        return StaffCategorySerializer if changes or is_staff else CategorySerializer

    def get_object(self) -> Category:
        """Find it by its slug or id. Raises ``Http404``."""
        return find_by_slug_or_id(Category.objects.order_by(), self.kwargs["slug"])

    def save(self, row: Category, *, changed: list[str], data: dict[str, Any]) -> None:
        row.slug = row.slug or free_category_slug(row.name)
        if row._state.adding or changed:
            save_category(category=row)

    def remove(self, row: Category) -> None:
        delete_category(category=row)

    def reply(self, row: Category, **options: Any) -> Response:
        count_products([row], among=Category.objects.filter(lineage__contains=[row.pk]))
        return super().reply(row, **options)
