from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from catalog.brands import brand_slug
from catalog.collections.models import Collection
from catalog.models import Product
from shop.api.object_ids import parse_object_id
from shop.db import identifiers


class BrandFilter(TextFilter):
    title = "brand"
    parameter_name = "brand"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        text = self.value()
        return queryset.filter(brand_slug=brand_slug(text)) if text else queryset


class TagFilter(TextFilter):
    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        tag = identifiers.slug(self.value() or "")
        return queryset.filter(tags__contains=[tag]) if tag else queryset


class CollectionFilter(DropdownFilter):
    title = "collection"
    parameter_name = "collection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Collection.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        collection = parse_object_id(self.value() or "")
        return queryset.filter(collections__contains=[collection]) if collection else queryset
