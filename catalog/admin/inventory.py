import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from bson import ObjectId
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from catalog.availability import StockPolicy
from catalog.categories import in_tree_order
from catalog.inventory import Filters, StockLevel, read_page, with_products
from catalog.models import Category, Variant
from catalog.stock_edits import Edit, Result, edit_stocks
from shop.admin.html import badge, page_context, page_url, thumbnail
from shop.api.idempotency import FormRepeated
from shop.api.object_ids import parse_object_id

# Rows that a form may change.
MOST_ROWS = 200
REASONS = ("Stock count", "Delivery received", "Damaged", "Lost or stolen", "Returned", "Correction")
# A number sets the stock, a sign adds or removes; word processors and phones write another minus.
_TYPED = re.compile(r"([+\-−–]?)\s*(\d{1,7})", re.ASCII)
_NOT_A_NUMBER = f"Enter a number such as 12, +3 or -3, at most {settings.MAX_QUANTITY:,}."


class FilterForm(forms.Form):
    q = forms.CharField(
        required=False,
        max_length=200,
        label="Product, SKU or barcode",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "search"}),
    )
    stock = forms.ChoiceField(required=False, choices=StockLevel, label="Stock", widget=UnfoldAdminSelectWidget)
    category = forms.ChoiceField(required=False, label="Category", widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, categories: Iterable[Category], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        low = f"Low, below {settings.LOW_STOCK_THRESHOLD}"
        self.fields["stock"].choices = [("", "Any"), ("low", low), ("out", "Sold out")]  # type: ignore[attr-defined]
        shown = [(str(each.pk), "\u2003" * (len(each.lineage) - 1) + each.name) for each in categories]
        self.fields["category"].choices = [("", "All"), *shown]  # type: ignore[attr-defined]

    def filters(self) -> Filters:
        """Ignore what is invalid: the address may be typed."""
        self.is_valid()
        chosen = self.cleaned_data
        return Filters(
            text=chosen.get("q", "").replace("\0", "").strip(),
            level=StockLevel(chosen.get("stock", "")),
            category=parse_object_id(chosen.get("category", "")),
        )


class ReasonForm(forms.Form):
    note = forms.CharField(
        max_length=200,
        error_messages={"required": "Enter a reason."},
        widget=forms.TextInput(
            attrs={
                "class": "shop-input",
                "list": "reasons",
                "autocomplete": "off",
                "placeholder": "Reason",
                "aria-label": "Reason",
            }
        ),
    )


@dataclass(frozen=True)
class Cell:
    """Typed text, the stock that was shown beside it, and why it was not applied."""

    text: str
    shown: str
    error: str = ""

    @property
    def edit(self) -> Edit | None:
        """Return None for what is not a change of stock."""
        typed = _TYPED.fullmatch(self.text)
        if typed is None or int(typed[2]) > settings.MAX_QUANTITY:
            return None
        sign, amount = typed[1], int(typed[2])
        if sign:
            return Edit(amount if sign == "+" else -amount)
        was = self.shown.removeprefix("-")
        is_number = was.isascii() and was.isdecimal() and len(was) < 15
        return Edit(amount, counted_from=int(self.shown)) if is_number else None


class InventoryMixin(ModelAdmin):
    """The page on which staff edit the stock of many variants, for an admin of variants."""

    actions_list = ("inventory",)

    @action(description="Inventory", icon="edit_note", url_path="inventory", permissions=["stock"])
    def inventory(self, request: HttpRequest) -> HttpResponse:
        may_see_categories = request.user.has_perm("catalog.view_category")
        filter_form = FilterForm(
            request.GET, categories=in_tree_order(Category.objects.all()) if may_see_categories else []
        )
        reason = ReasonForm(request.POST if request.method == "POST" else None)
        cells: dict[ObjectId, Cell] = {}
        if request.method == "POST":
            cells = _cells_in(request)
            if reason.is_valid() and not (cells := self._save(request, cells, reason.cleaned_data["note"])):
                return HttpResponseRedirect(request.get_full_path())
        page = read_page(filter_form.filters(), after=request.GET.get("after", ""))
        rows = _posted_rows(request) if cells else page.rows
        context = {
            **page_context(self, request, "Inventory"),
            "filter_form": filter_form,
            "is_filtered": any(filter_form.filters()),
            "reason": reason,
            "reasons": REASONS,
            "rows": [_shown(variant, cells.get(variant.pk)) for variant in rows],
            "key": uuid4(),
            "first_url": _url(request) if request.GET.get("after") else "",
            "next_url": _url(request, after=page.after) if page.after else "",
        }
        return TemplateResponse(request, "admin/catalog/inventory.html", context)

    def _save(self, request: HttpRequest, cells: Mapping[ObjectId, Cell], note: str) -> dict[ObjectId, Cell]:
        """Save what can be saved, and return the other cells."""
        edits = {pk: edit for pk, cell in cells.items() if (edit := cell.edit) is not None}
        refused = {pk: replace(cell, error=_NOT_A_NUMBER) for pk, cell in cells.items() if pk not in edits}
        actor = str(request.user.pk)
        try:
            result = edit_stocks(
                edits=edits, note=note, actor=actor, form_key=("inventory", actor, request.POST.get("key", "")[:64])
            )
        except FormRepeated:
            self.message_user(request, "These changes were saved before.", messages.WARNING)
            return {}
        refused |= {pk: replace(cells[pk], error=text) for pk, text in _refusals(result, edits).items()}
        saved, deleted = len(result.saved), len(result.deleted)
        if saved:
            self.message_user(request, f"The stock of {_variants(saved)} was changed.", messages.SUCCESS)
        if deleted:
            self.message_user(
                request, f"{_variants(deleted)} no longer exist{pluralize(deleted, 's,')}.", messages.ERROR
            )
        if refused:
            text = f"{_variants(len(refused))} {pluralize(len(refused), 'was,were')} not changed: see below."
            self.message_user(request, text, messages.ERROR)
        elif not saved and not deleted:
            self.message_user(request, "Nothing was changed.", messages.INFO)
        return refused


def _refusals(result: Result, edits: Mapping[ObjectId, Edit]) -> dict[ObjectId, str]:
    moved = {
        pk: f"The stock changed from {edits[pk].counted_from} to {current} meanwhile. Save again to set it."
        for pk, current in result.moved.items()
    }
    return moved | {pk: f"Only {max(current, 0)} in stock." for pk, current in result.short.items()}


def _variants(number: int) -> str:
    return f"{number} variant{pluralize(number)}"


def _cells_in(request: HttpRequest) -> dict[ObjectId, Cell]:
    """Return the cells in which something was typed."""
    typed = {pk: request.POST.get(f"new-{pk}", "").replace("\0", "").strip()[:20] for pk in _posted_keys(request)}
    return {pk: Cell(text, request.POST.get(f"was-{pk}", "")) for pk, text in typed.items() if text}


def _posted_keys(request: HttpRequest) -> list[ObjectId]:
    keys = [parse_object_id(name.removeprefix("was-")) for name in request.POST if name.startswith("was-")]
    return [key for key in keys if key is not None][:MOST_ROWS]


def _posted_rows(request: HttpRequest) -> list[Variant]:
    """Return the rows that were shown: saved ones may not match the filters any more."""
    keys = _posted_keys(request)
    stored = Variant.objects.in_bulk(keys)
    return with_products(stored[key] for key in keys if key in stored)


def _url(request: HttpRequest, **changed: str) -> str:
    query = {name: str(value) for name, value in request.GET.items() if name != "after" and value} | changed
    return f"{reverse('admin:catalog_variant_inventory')}?{urlencode(query)}"


def _shown(variant: Variant, cell: Cell | None) -> dict[str, Any]:
    pictures = variant.product.pictures
    return {
        "variant": variant,
        "name": variant.product.name,
        "url": page_url("catalog.variant", variant.pk),
        "is_active": variant.is_active and variant.product.is_active,
        "thumbnail": thumbnail(pictures[0]["name"] if pictures else ""),
        "stock": stock_badge(variant),
        "text": cell.text if cell else "",
        "error": cell.error if cell else "",
    }


def stock_badge(variant: Variant) -> str:
    if variant.stock_policy == StockPolicy.UNTRACKED:
        return badge("Always sold", "info")
    if variant.stock < 0:
        return badge(f"{-variant.stock} owed", "warning")
    few = "warning" if variant.stock < settings.LOW_STOCK_THRESHOLD else "success"
    return badge(variant.stock, few if variant.stock else "danger")
