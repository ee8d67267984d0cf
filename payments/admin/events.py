from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from payments import events
from payments.admin.labels import EVENT_LABELS
from payments.models import StripeEvent
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.dialogs import DialogForm, dialog, leave_dialog
from shop.admin.html import badge
from shop.admin.lists import DaysFilter, IndexedSearchMixin
from shop.db import documents
from shop.db.mongodb import LAST_CHARACTER


@admin.register(StripeEvent)
class StripeEventAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    """Replaying an applied event changes nothing."""

    list_display = ("event", "received_at", "status_label", "attempts", "detail")
    list_filter = (("status", ChoicesDropdownFilter), ("received_at", DaysFilter))
    list_defer = ("payload",)
    search_help_text = "Search event id or type, such as payment_intent.succeeded"
    ordering = ("-received_at", "-pk")
    sortable_by = ("received_at",)
    fields = (
        ("id", "type"),
        ("status_label", "attempts"),
        "detail",
        ("created_at", "received_at", "retry_at"),
        "payload",
    )
    readonly_fields = ("status_label",)
    actions = ("replay_selected",)
    most_changed = {"replay_selected": 100}
    actions_detail = ("replay",)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if text.startswith("evt_"):
            return queryset.filter(pk=text)
        types = documents.distinct(StripeEvent, "type", {"type": {"$gte": text, "$lt": text + LAST_CHARACTER}})
        return queryset.filter(type__in=types)

    @display(description="Event", header=True)
    def event(self, row: StripeEvent) -> list[str]:
        return [row.type, row.pk]

    @display(description="Status")
    def status_label(self, row: StripeEvent) -> str:
        return badge(row.get_status_display(), EVENT_LABELS[row.status])

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("payments.change_stripeevent")

    @admin.action(description="Replay", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        rows = [events.replay(row) for row in queryset]
        failed = [row for row in rows if row.status == StripeEvent.Status.FAILED]
        if failed:
            self.message_user(request, f"{len(failed)} of {len(rows)} failed: {failed[0].detail}", messages.ERROR)
        else:
            self.message_user(request, f"{len(rows)} replayed.", messages.SUCCESS)

    @dialog(
        button="Replay",
        icon="replay",
        permissions=["replay"],
        title="Replay this event?",
        text="The event is applied again. If it was applied before, nothing changes.",
    )
    def replay(self, request: HttpRequest, form: DialogForm, row: StripeEvent) -> HttpResponse:
        row = events.replay(row)
        level = messages.ERROR if row.status == StripeEvent.Status.FAILED else messages.SUCCESS
        self.message_user(request, f"{row.get_status_display()}. {row.detail}".strip(), level)
        return leave_dialog(request, self.change_url(row.pk))
