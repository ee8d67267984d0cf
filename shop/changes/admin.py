from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from shop.admin.base import ReadOnlyModelAdmin
from shop.changes.kinds import kinds
from shop.changes.models import Change


class KindFilter(DropdownFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(name, name.capitalize()) for name in sorted(kinds())]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Change)
class ChangeAdmin(ReadOnlyModelAdmin):
    """Changes as integrations read them by ``GET /changes/``."""

    list_display = ("shown_type", "shown_object", "at", "position")
    list_filter = (KindFilter,)
    ordering = ("-pk",)
    sortable_by = ()
    fields = (("type", "position"), ("kind", "object_id", "parent"), "at")

    @display(description="Change")
    def shown_type(self, change: Change) -> str:
        return change.type

    @display(description="Object")
    def shown_object(self, change: Change) -> str:
        return f"{change.object_id} of {change.parent}" if change.parent else change.object_id
