from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action

from catalog.importing.export import Export
from catalog.importing.parts import Kind, Part, pieces, split, zipped
from catalog.models import Product
from shop.http.circuit import circuit

CONTENT_TYPES: dict[Kind, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ExportMixin(ModelAdmin):
    actions_list: Sequence[Any] = (
        "import_file",
        {"title": "Export", "icon": "download", "items": ["export_csv", "export_xlsx"]},
    )
    actions: Sequence[Any] = ("export_chosen_csv", "export_chosen_xlsx")

    def has_export_permission(self, request: HttpRequest) -> bool:
        sees_variants = any(request.user.has_perm(f"catalog.{verb}_variant") for verb in ("view", "change"))
        return sees_variants and self.has_view_permission(request)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return may_import(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            # Keep the list's search and filters.
            for entry in context["actions_list"]:
                for item in entry.get("items", ()):
                    item["path"] += context["cl"].get_query_string()
        return response

    @action(description="Import", icon="upload", url_path="import", permissions=["import"])
    def import_file(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:catalog_importrun_add"))

    @action(description="CSV", icon="csv", url_path="export.csv", permissions=["export"])
    def export_csv(self, request: HttpRequest) -> HttpResponseBase:
        return self._export_shown(request, "csv")

    @action(description="Excel (XLSX)", icon="table_view", url_path="export.xlsx", permissions=["export"])
    def export_xlsx(self, request: HttpRequest) -> HttpResponseBase:
        return self._export_shown(request, "xlsx")

    @admin.action(description="Export as CSV", permissions=["export"])
    def export_chosen_csv(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponseBase:
        return _download(queryset, "csv")

    @admin.action(description="Export as Excel (XLSX)", permissions=["export"])
    def export_chosen_xlsx(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponseBase:
        return _download(queryset, "xlsx")

    def _export_shown(self, request: HttpRequest, kind: Kind) -> HttpResponseBase:
        try:
            shown = self.get_changelist_instance(request).get_queryset(request)
        except (IncorrectLookupParameters, DisallowedModelAdminLookup):
            return HttpResponseRedirect(reverse("admin:catalog_product_changelist"))
        return _download(shown, kind)


IMPORT_PERMISSIONS = tuple(f"catalog.{verb}_{model}" for model in ("product", "variant") for verb in ("add", "change"))


def may_import(request: HttpRequest) -> bool:
    return request.user.has_perms(IMPORT_PERMISSIONS)


def _download(products: QuerySet[Product], kind: Kind) -> StreamingHttpResponse:
    """Return a file, or a ZIP of files if an upload would refuse one."""
    parts = _with_time_limit(split(Export(products), kind))
    first = next(parts)
    name = f"products-{timezone.localdate():%Y-%m-%d}"
    if first.is_last:
        return _attachment(pieces(first.file), f"{name}.{kind}", CONTENT_TYPES[kind])
    numbered = ((f"{name}-{n}.{kind}", part.file) for n, part in enumerate(chain([first], parts), start=1))
    return _attachment(zipped(numbered), f"{name}.zip", "application/zip")


def _attachment(content: Iterator[bytes], name: str, content_type: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _with_time_limit(parts: Iterator[Part | None]) -> Iterator[Part]:
    """Limit the database time of each batch instead of the request's."""
    done = object()
    while True:
        with circuit.request():
            part = next(parts, done)
        if part is done:
            return
        if isinstance(part, Part):
            yield part
