from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSingleDateWidget

from catalog.importing.errors import TooLargeForXLSX
from orders.invoices import accounting
from orders.invoices.models import Invoice
from orders.invoices.printing import filename_of, pdf_of
from shop import days
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.html import link, page_context, page_url, price
from shop.admin.lists import CreationDaysFilter, IndexedSearchMixin, in_order
from shop.api.streaming import reply_in_pieces
from shop.db import identifiers

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class PeriodForm(forms.Form):
    """Days in the shop's time zone, both included."""

    first = forms.DateField(widget=UnfoldAdminSingleDateWidget, label="From")
    last = forms.DateField(widget=UnfoldAdminSingleDateWidget, label="To")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "first" in cleaned and "last" in cleaned and cleaned["first"] > cleaned["last"]:
            self.add_error("last", "This day is before the first.")
        return cleaned


def this_month() -> dict[str, date]:
    return {"first": days.today().replace(day=1), "last": days.today()}


@admin.register(Invoice)
class InvoiceAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("shown_number", "kind", "issued_at", "buyer_name", "shown_total")
    list_filter = (("kind", ChoicesDropdownFilter), ("issued_at", CreationDaysFilter))
    list_defer = ("lines", "tax_lines", "seller")
    search_help_text = "Search number of document or order (from the start)"
    ordering = ("-pk",)
    sortable_by = ("issued_at",)
    creation_field = "issued_at"
    fields = (
        ("kind", "issued_at"),
        ("order_link", "corrects"),
        ("buyer_name", "country"),
        ("shown_net", "shown_tax", "shown_total"),
    )
    readonly_fields = ("order_link", "buyer_name", "shown_net", "shown_tax", "shown_total")
    actions_list = ("export",)
    actions_detail = ("download",)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        by_number = in_order(queryset, "number", text.upper())
        return by_number if by_number.exists() else in_order(queryset, "order_number", identifiers.upper_code(text))

    @display(description="Document", header=True)
    def shown_number(self, invoice: Invoice) -> list[str]:
        return [invoice.number, f"order {invoice.order_number}"]

    @display(description="Order")
    def order_link(self, invoice: Invoice) -> str:
        return link(page_url("orders.order", invoice.order), invoice.order_number)

    @display(description="Customer")
    def buyer_name(self, invoice: Invoice) -> str:
        return invoice.buyer.name

    @display(description="Net")
    def shown_net(self, invoice: Invoice) -> str:
        return price(invoice.sign * invoice.net, invoice.currency)

    @display(description="Tax")
    def shown_tax(self, invoice: Invoice) -> str:
        return price(invoice.sign * invoice.tax, invoice.currency)

    @display(description="Total")
    def shown_total(self, invoice: Invoice) -> str:
        return price(invoice.sign * invoice.total, invoice.currency)

    @action(description="Download PDF", icon="picture_as_pdf", url_path="pdf", permissions=["view"])
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        invoice = self.find(request, object_id)
        if invoice is None:
            raise Http404
        headers = {"Content-Disposition": f'attachment; filename="{filename_of(invoice)}"'}
        return HttpResponse(pdf_of(invoice), content_type="application/pdf", headers=headers)

    @action(description="Export for accounting", icon="download", url_path="export", permissions=["view"])
    def export(self, request: HttpRequest) -> HttpResponseBase:
        form = PeriodForm(request.GET if "format" in request.GET else None, initial=this_month())
        kind = request.GET.get("format", "")
        if kind in MEDIA_TYPES and form.is_valid():
            period = {name: form.cleaned_data[name] for name in ("first", "last")}
            if accounting.is_too_large(kind=kind, **period):
                form.add_error(None, TooLargeForXLSX.default_detail)
        if kind in MEDIA_TYPES and form.is_valid():
            first, last = period.values()
            headers = {"Content-Disposition": f'attachment; filename="invoices-{first}-{last}.{kind}"'}
            content = accounting.pieces(kind=kind, first=first, last=last)
            return reply_in_pieces(content, content_type=MEDIA_TYPES[kind], headers=headers)
        context = {
            **page_context(self, request, "Export for accounting"),
            "form": form,
            "time_zone": settings.TIME_ZONE,
            "back": reverse("admin:orders_invoice_changelist"),
        }
        return TemplateResponse(request, "admin/orders/export_invoices.html", context)
