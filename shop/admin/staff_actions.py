from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.html import badge, link, page_url
from shop.admin.lists import CreationDaysFilter, IndexedSearchMixin, ListIndex, QuickChangeList, keys_of
from shop.audit.staff_log import Action, StaffAction, with_people

ACTION_LABELS: dict[str, str] = {
    Action.ADD: "success",
    Action.DELETE: "danger",
    Action.CANCEL: "danger",
    Action.REFUND: "warning",
}


class KindFilter(DropdownFilter):
    title = "object type"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        models = [model for model in apps.get_models() if model_admin.admin_site.is_registered(model)]
        return sorted((model._meta.label_lower, str(model._meta.verbose_name).capitalize()) for model in models)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(model=self.value()) if self.value() else queryset


class PeopleChangeList(QuickChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_people(self.result_list)


@admin.register(StaffAction)
class StaffActionAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("at", "who", "did", "what", "which_fields", "via")
    list_filter = (
        ("action", ChoicesDropdownFilter),
        KindFilter,
        ("via", ChoicesDropdownFilter),
        ("at", CreationDaysFilter),
    )
    list_index = ListIndex(("model", "action"))
    search_help_text = "Search staff e-mail address (from the start), number, SKU, name, object id or request id"
    ordering = ("-pk",)
    sortable_by = ("at",)
    creation_field = "at"
    fields = (("at", "who"), ("did", "what"), "which_fields", ("model", "object_id"), ("via", "request_id"))
    readonly_fields = ("who", "did", "what", "which_fields")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return PeopleChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> StaffAction | None:
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            (row,) = with_people([row])
            row.stored_title = f"{_kind(row.model)} {row.target} {row.get_action_display()}"
        return row

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if "@" not in text:
            return queryset.filter(Q(object_id=text) | Q(request_id=text) | Q(staff=text) | Q(label=text))
        people = keys_of(request, get_user_model(), "email", text.lower())
        return queryset.filter(staff__in=[str(pk) for pk in people])

    @display(description="User")
    def who(self, row: StaffAction) -> str:
        return row.person

    @display(description="Action")
    def did(self, row: StaffAction) -> str:
        return badge(row.get_action_display(), ACTION_LABELS.get(row.action, "info"))

    @display(description="Object")
    def what(self, row: StaffAction) -> str:
        text = f"{_kind(row.model)} {row.target}"
        try:
            return link(page_url(row.model, row.object_id), text)
        except NoReverseMatch:
            return text

    @display(description="Fields", empty_value="–")
    def which_fields(self, row: StaffAction) -> str | None:
        return ", ".join(row.fields) or None


def _kind(label: str) -> str:
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except LookupError:
        return label.rpartition(".")[2]
