from collections.abc import Iterator, Sequence
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
from catalog.models import Product
from shop.http.circuit import circuit

CONTENT_TYPES = {
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

    def _export_shown(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        try:
            shown = self.get_changelist_instance(request).get_queryset(request)
        except (IncorrectLookupParameters, DisallowedModelAdminLookup):
            return HttpResponseRedirect(reverse("admin:catalog_product_changelist"))
        return _download(shown, kind)


IMPORT_PERMISSIONS = tuple(f"catalog.{verb}_{model}" for model in ("product", "variant") for verb in ("add", "change"))


def may_import(request: HttpRequest) -> bool:
    return request.user.has_perms(IMPORT_PERMISSIONS)


def _download(products: QuerySet[Product], kind: str) -> StreamingHttpResponse:
    export = Export(products)
    pieces = export.csv() if kind == "csv" else export.xlsx()
    name = f"products-{timezone.localdate():%Y-%m-%d}.{kind}"
    return StreamingHttpResponse(
        _with_time_limit(pieces),
        content_type=CONTENT_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _with_time_limit(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Limit each chunk: the middleware's limit ends with the response headers."""
    while True:
        with circuit.request():
            piece = next(pieces, None)
        if piece is None:
            return
        if piece:
            yield piece
