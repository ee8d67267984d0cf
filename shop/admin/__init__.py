from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from shop import jobs
from shop.admin import staff_actions  # noqa: F401 (it registers itself)
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.dashboard import Figure, number_of, on_dashboard
from shop.admin.dialogs import DialogForm, dialog, leave_dialog
from shop.admin.html import badge, list_url
from shop.admin.lists import IndexedSearchMixin, begins_with
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import admin as changes_admin  # noqa: F401 (it registers itself)
from shop.db.transactions import transactional
from shop.jobs import Job, PeriodicTask
from shop.webhooks import admin as webhooks_admin  # noqa: F401 (it registers itself)


class JobStateFilter(DropdownFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("failing", "Retrying"), ("given_up", "Failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        states = {
            "waiting": Q(given_up_at=None, last_error=""),
            "failing": Q(given_up_at=None) & ~Q(last_error=""),
            "given_up": Q(given_up_at__isnull=False),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


@admin.register(Job)
class JobAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("kind", "state", "run_at", "attempts", "last_error")
    list_filter = (JobStateFilter,)
    search_help_text = "Search kind (from the start), such as payments."
    ordering = ("-pk",)
    fields = (
        ("kind", "state"),
        ("run_at", "attempts", "urgent"),
        "last_error",
        "payload",
        ("created_at", "given_up_at", "request_id"),
    )
    readonly_fields = ("state",)
    actions = ("run_selected",)
    most_changed = {"run_selected": 100}
    actions_detail = ("run_now",)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        return queryset.filter(begins_with("kind", text))

    def has_run_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("shop.change_job")

    @display(description="State")
    def state(self, job: Job) -> str:
        if job.given_up_at:
            return badge("Failed", "danger")
        if job.last_error:
            return badge("Retrying", "warning")
        return badge("Due", "info") if job.run_at <= timezone.now() else badge("Waiting")

    @admin.action(description="Run now", permissions=["run"])
    def run_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        for job in queryset:
            self._run(request, job)

    @dialog(
        button="Run now",
        icon="play_arrow",
        permissions=["run"],
        url_path="run",
        title="Run this job now?",
        text="The job runs once. If it fails, the worker retries it.",
        submit="Run now",
    )
    def run_now(self, request: HttpRequest, form: DialogForm, job: Job) -> HttpResponse:
        done = self._run(request, job)
        # A finished job has no page.
        return leave_dialog(request, reverse("admin:shop_job_changelist"), stay=not done)

    def _run(self, request: HttpRequest, job: Job) -> bool:
        """Return whether the job succeeded, even one given up before."""
        _reopen(job)
        ran = jobs.run(job)
        left = Job.objects.filter(pk=job.pk).first()
        if not ran:
            self.message_user(request, f"{job.kind} is already running.", messages.WARNING)
        elif left is None:
            self.message_user(request, f"{job.kind} is completed.", messages.SUCCESS)
        else:
            self.message_user(request, f"{job.kind}: {left.last_error or 'not completed yet'}", messages.ERROR)
        return left is None


@transactional("admin.reopen_job")
def _reopen(job: Job) -> None:
    if job.given_up_at:
        Job.objects.filter(pk=job.pk).update(given_up_at=None, attempts=0)
        job.given_up_at, job.attempts = None, 0
    staff_log.record(Action.RUN, job)


@on_dashboard("shop.job")
def jobs_given_up() -> Iterator[Figure]:
    number, shown = number_of(Job.objects.filter(given_up_at__isnull=False))
    yield Figure(40, "Failed jobs", shown, list_url("shop.job", state="given_up"), "no more retries", bool(number))


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ReadOnlyModelAdmin):
    list_display = ("name", "due_at")
    is_small = True
    ordering = ("name",)
