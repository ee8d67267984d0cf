from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget

from catalog.admin.exports import may_import
from catalog.admin.people import emails
from catalog.importing import runs
from catalog.importing.errors import NotConfirmable
from catalog.importing.formats import MAX_BYTES, MAX_ROWS
from catalog.importing.models import ImportRun, ImportStep
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import badge
from shop.admin.lists import QuickChangeList

State = ImportRun.State
WORKING = (State.CHECKING, State.APPLYING)
STATE_LABELS: dict[str, str] = {
    State.CHECKING: "info",
    State.REFUSED: "danger",
    State.READY: "warning",
    State.APPLYING: "info",
    State.DONE: "success",
    State.DISCARDED: "",
}
STEPS_A_PAGE = 25
FAULTS_SHOWN = 100


class ImportForm(forms.ModelForm):
    file = forms.FileField(
        label="File",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.xlsx,.txt"}),
        help_text=(
            f"CSV or XLSX, at most {MAX_BYTES // 1024 // 1024} MB and {MAX_ROWS:,} rows (manage.py import_products has "
            "no limit): one row per variant, identified by its SKU. Export products to see the columns. Uploading only "
            "checks the file; you confirm the changes on the next page."
        ),
    )

    class Meta:
        model = ImportRun
        fields = ("encoding",)


class ImportChangeList(QuickChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        people = emails(run.uploaded_by for run in self.result_list)
        for run in self.result_list:
            run.who = people.get(run.uploaded_by, run.uploaded_by) or "command line"


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyModelAdmin):
    form = ImportForm
    list_display = (
        "filename",
        "created_at",
        "who",
        "state_label",
        "new_rows",
        "changed_rows",
        "fault_count",
        "written",
    )
    list_filter = (("state", ChoicesDropdownFilter),)
    ordering = ("-pk",)
    sortable_by = ("created_at",)
    add_form_template = "admin/catalog/import_upload.html"
    change_form_template = "admin/catalog/import.html"
    actions_detail = ("confirm", "discard")

    # Importing needs the permissions of its changes.

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_import(request)

    def has_view_permission(self, request: HttpRequest, obj: ImportRun | None = None) -> bool:
        return may_import(request) or super().has_view_permission(request, obj)

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may_import(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return ImportChangeList

    @display(description="Uploaded by")
    def who(self, run: Any) -> str:
        return run.who

    @display(description="State")
    def state_label(self, run: ImportRun) -> str:
        return badge(run.get_state_display(), STATE_LABELS[run.state])

    @display(description="Products imported")
    def written(self, run: ImportRun) -> str:
        return f"{run.applied - run.conflicts} of {run.steps}" if run.confirmed_at else ""

    def get_fields(self, request: HttpRequest, obj: ImportRun | None = None) -> tuple[str, ...]:
        # The template renders it.
        return () if obj else ("file", "encoding")

    def write(self, request: HttpRequest, obj: ImportRun, form: ImportForm, change: bool) -> None:
        file = form.cleaned_data["file"]
        obj.filename = file.name[-255:]
        obj.uploaded_by = str(request.user.pk)
        runs.upload(run=obj, file=file, size=file.size)

    def response_add(self, request: HttpRequest, obj: ImportRun, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(self.change_url(obj.pk))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.find(request, object_id)
        context = {**(extra_context or {}), **(_page(run, request) if run else {"title": "Import products"})}
        response = super().changeform_view(request, object_id, form_url, context)
        if run and run.state not in WORKING and request.headers.get("HX-Request"):
            # The page polls; its buttons change with the state.
            response.headers["HX-Refresh"] = "true"
        return response

    def action_blocker(self, button: str, run: ImportRun) -> str:
        if button == "discard":
            return "" if run.is_discardable else str(NotConfirmable())
        return str(runs.confirmation_error(run) or "")

    @dialog(
        button="Apply import",
        icon="check",
        variant=ActionVariant.PRIMARY,
        permissions=["import"],
        title="Apply this import?",
        text="Products are changed one after another. Products that someone else changes in the meantime are skipped.",
    )
    def confirm(self, request: HttpRequest, form: DialogForm, run: ImportRun) -> str:
        runs.confirm(run=run, actor=str(request.user.pk))
        return f"The import of {run.filename} was confirmed."

    @dialog(
        button="Discard",
        icon="delete",
        permissions=["import"],
        title="Discard this import?",
        text="No changes were made, and none will be.",
    )
    def discard(self, request: HttpRequest, form: DialogForm, run: ImportRun) -> str:
        runs.discard(run=run)
        return f"{run.filename} was discarded."


def _page(run: ImportRun, request: HttpRequest) -> dict[str, Any]:
    steps = ImportStep.objects.filter(plan=run.plan).order_by("number") if run.plan else ImportStep.objects.none()
    only_conflicts = run.conflicts and "conflicts" in request.GET
    shown = steps.exclude(conflict="") if only_conflicts else steps
    paginator = Paginator(shown, STEPS_A_PAGE)
    # The run has these counts: save a query.
    paginator.count = run.conflicts if only_conflicts else run.steps
    page = paginator.get_page(request.GET.get("page"))
    people = emails([run.uploaded_by, run.confirmed_by])
    return {
        "title": "Import",
        "subtitle": run.filename,
        "run": run,
        "label": badge(run.get_state_display(), STATE_LABELS[run.state]),
        "uploaded_by": people.get(run.uploaded_by) or "the command line",
        "confirmed_by": people.get(run.confirmed_by) or "the command line",
        "is_working": run.state in WORKING,
        "last_error": runs.last_error(run) if run.state in WORKING else "",
        "percent": 100 * run.applied // run.steps if run.steps else 100,
        "faults": run.faults[:FAULTS_SHOWN],
        "faults_hidden": max(run.fault_count - FAULTS_SHOWN, 0),
        "only_conflicts": only_conflicts,
        "page": page,
    }
