import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from catalog.importing.formats import escape_formula
from orders.reports.reading import Grouping, Row, change, previous, report, total
from shop import days, money
from shop.admin.html import page_context, price

MOST_DAYS = 3 * 366
# Others are in the CSV file.
SHOWN = 100
CHARTED = 10


class ReportForm(forms.Form):
    """Days in the shop's time zone, both included."""

    by = forms.ChoiceField(choices=Grouping, widget=UnfoldAdminSelectWidget, label="Group by")
    first = forms.DateField(widget=UnfoldAdminSingleDateWidget, label="From")
    last = forms.DateField(widget=UnfoldAdminSingleDateWidget, label="To")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "first" in cleaned and "last" in cleaned:
            length = (cleaned["last"] - cleaned["first"]).days
            if length < 0:
                self.add_error("last", "This day is before the first.")
            elif length >= MOST_DAYS:
                self.add_error("last", f"Choose at most {MOST_DAYS} days.")
        return cleaned


class ReportsMixin(ModelAdmin):
    """A page of reports for an admin of orders."""

    def has_reports_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.view_dailytotal")

    @action(description="Reports", icon="monitoring", url_path="reports", permissions=["reports"])
    def reports(self, request: HttpRequest) -> HttpResponse:
        calendar = days.latest(30)
        chosen = {"by": Grouping.DAY.value, "first": str(calendar[0]), "last": str(calendar[-1])}
        form = ReportForm({name: request.GET.get(name) or value for name, value in chosen.items()})
        context = {
            **page_context(self, request, "Reports"),
            "form": form,
            "time_zone": settings.TIME_ZONE,
        }
        if form.is_valid():
            by, first, last = Grouping(form.cleaned_data["by"]), form.cleaned_data["first"], form.cleaned_data["last"]
            rows = report(by, first, last)
            if request.GET.get("format") == "csv":
                return _csv(rows, by, first, last)
            context |= _shown(rows, by, first, last)
        return TemplateResponse(request, "admin/orders/reports.html", context)


def _shown(rows: Sequence[Row], by: Grouping, first: date, last: date) -> dict[str, Any]:
    whole, (before_first, before_last) = total(first, last), previous(first, last)
    is_by_day = by == Grouping.DAY
    listed = list(reversed(rows)) if is_by_day else list(rows[:SHOWN])
    query = {"by": by.value, "first": first, "last": last, "format": "csv"}
    return {
        "by": by,
        "figures": [
            ("Sales", price(whole.sales), change(whole.sales, whole.before)),
            ("Orders", f"{whole.orders:,}", ""),
            ("Refunds", price(whole.refunds), ""),
            ("Lost disputes", price(whole.disputes), ""),
            ("Net sales", price(whole.net), ""),
            ("Tax", price(whole.tax), "included in sales"),
        ],
        "before": (before_first, before_last),
        "rows": [
            {
                "row": row,
                "sales": price(row.sales),
                "tax": price(row.tax),
                "discount": price(row.discount),
                "refunds": price(row.refunds) if row.refunds else "",
                "disputes": price(row.disputes) if row.disputes else "",
                "before": price(row.before),
                "change": change(row.sales, row.before),
            }
            for row in listed
        ],
        "more": len(rows) - len(listed),
        "has_units": by != Grouping.PROMOTION,
        "has_refunds": by in (Grouping.DAY, Grouping.COUNTRY),
        "chart": json.dumps(_chart(rows if is_by_day else rows[:CHARTED], by)),
        "note": _NOTES[by],
        "csv_url": f"?{urlencode(query)}",
    }


_NOTES = {
    Grouping.DAY: "Orders count on the day of payment, refunds on the day of the request, disputes when they are lost.",
    Grouping.PRODUCT: "Sales are after discounts, without shipping. Tax is included if prices include it.",
    Grouping.CATEGORY: "By the categories that products have now, without subcategories. Sales are after discounts.",
    Grouping.COUNTRY: "By the country of the shipping address.",
    Grouping.PROMOTION: "Sales are whole orders with the promotion; an order with two counts for both.",
}


def _chart(rows: Sequence[Row], by: Grouping) -> dict[str, Any]:
    """Return Chart.js data."""
    labels = [row.label[:24] for row in rows]
    if by == Grouping.DAY:
        labels = [f"{day.day} {day:%b}" for day in map(date.fromisoformat, labels)]

    sales = {
        "label": "Sales",
        "data": _numbers(row.sales for row in rows),
        "backgroundColor": "var(--color-primary-500)",
        "maxBarThickness": 18,
        "maxTicksXLimit": 10,
        "displayYAxis": True,
        "suffixYAxis": settings.CURRENCY.upper(),
    }
    # A line through days, a dot for each other key.
    before = {
        "label": "Previous period",
        "type": "line",
        "data": _numbers(row.before for row in rows),
        "borderColor": "var(--color-base-400)",
        "backgroundColor": "var(--color-base-400)",
        "borderWidth": 2,
        "showLine": by == Grouping.DAY,
        "pointRadius": 0 if by == Grouping.DAY else 4,
    }
    return {"labels": labels, "datasets": [before, sales]}


def _numbers(amounts: Iterable[Decimal]) -> list[float]:
    return [float(money.quantize(amount)) for amount in amounts]


def _csv(rows: Sequence[Row], by: Grouping, first: date, last: date) -> HttpResponse:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    headings = (
        "Orders",
        "Units",
        "Sales",
        "Tax",
        "Discounts",
        "Refunds",
        "Lost disputes",
        "Sales of the previous period",
    )
    writer.writerow([by.label, *headings, "Currency"])
    for row in rows:
        amounts = (
            money.display(each) for each in (row.sales, row.tax, row.discount, row.refunds, row.disputes, row.before)
        )
        writer.writerow([escape_formula(row.label), row.orders, row.units, *amounts, settings.CURRENCY.upper()])
    name = f"sales-by-{by.value}-{first}-{last}.csv"
    # Excel needs a byte order mark for UTF-8.
    content = b"\xef\xbb\xbf" + text.getvalue().encode()
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)
