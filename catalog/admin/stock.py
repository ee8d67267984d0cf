from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminBigIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from catalog import services, statistics, stock
from catalog.admin.inventory import InventoryMixin, stock_badge
from catalog.admin.people import emails
from catalog.availability import StockPolicy, validate_barcode
from catalog.models import StockMovement, Variant
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.fields import MoneyFormField
from shop.admin.html import badge, link, page_url, price
from shop.admin.lists import (
    MOST_COUNTED,
    MOST_FOUND,
    CreationDaysFilter,
    IndexedSearchMixin,
    QuickChangeList,
    by_id,
    in_order,
    keys_of,
)
from shop.db import identifiers


class StockForm(DialogForm):
    change = forms.IntegerField(
        required=False,
        min_value=-settings.MAX_QUANTITY,
        max_value=settings.MAX_QUANTITY,
        label="Adjust by",
        widget=UnfoldAdminBigIntegerFieldWidget(attrs={"placeholder": "e.g. 12 or -3"}),
    )
    counted = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=settings.MAX_QUANTITY,
        label="Set quantity to",
        widget=UnfoldAdminBigIntegerFieldWidget(attrs={"placeholder": "Counted quantity"}),
    )
    note = forms.CharField(max_length=200, label="Reason", widget=UnfoldAdminTextInputWidget)

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if not self.errors and (cleaned["change"] is None) == (cleaned["counted"] is None):
            self.add_error("change", ValidationError("Enter either an adjustment or a quantity.", code="ambiguous"))
        return cleaned


class DetailsForm(DialogForm):
    stock_policy = forms.ChoiceField(choices=StockPolicy.choices, widget=UnfoldAdminSelectWidget)
    backorder_limit = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=settings.MAX_QUANTITY,
        label="Most on back-order",
        widget=UnfoldAdminBigIntegerFieldWidget(attrs={"placeholder": "No limit"}),
    )
    expected_on = forms.DateField(
        required=False,
        label="Expected on",
        widget=UnfoldAdminSingleDateWidget(attrs={"type": "date"}),
        help_text="Shown to buyers of a back-order.",
    )
    barcode = forms.CharField(
        required=False, max_length=14, validators=[validate_barcode], label="Barcode", widget=UnfoldAdminTextInputWidget
    )
    cost = MoneyFormField(required=False, label="Cost")

    def __init__(self, *args: Any, obj: Variant, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        self.initial = {name: getattr(obj, name) for name in self.fields}


class StockFilter(DropdownFilter):
    title = "stock"
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        few = f"Fewer than {settings.LOW_STOCK_THRESHOLD}"
        return [("none", "Sold out"), ("low", few), ("reorder", f"{few}, for sale"), ("some", "In stock")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "reorder":
            return queryset.filter(pk__in=[variant.pk for variant in statistics.low_stock()])
        if self.value() == "some":
            return queryset.filter(stock__gt=0)
        # Values rather than a range, for which no index has the list's order.
        most = {"none": 1, "low": settings.LOW_STOCK_THRESHOLD}.get(self.value() or "")
        return queryset if most is None else queryset.filter(stock__in=[*_owed(), *range(most)])


def _owed() -> list[int]:
    """Return the negative stocks nearest to zero."""
    owed = Variant.objects.filter(stock__lt=0).order_by("-stock").values_list("stock", flat=True)[:MOST_COUNTED]
    return sorted(set(owed))[-MOST_FOUND:]


@admin.register(Variant)
class StockAdmin(InventoryMixin, IndexedSearchMixin, ReadOnlyModelAdmin):
    """Variants are edited on their product's page."""

    list_display = ("variant", "product_link", "shown_price", "stock_state", "active")
    list_filter = (StockFilter, ("is_active", BooleanRadioFilter))
    list_prefetch_related = {"product": ("name",)}
    search_help_text = "Search SKU (from the start)"
    ordering = ("-pk",)
    sortable_by = ("variant", "stock_state")
    fields = (
        ("variant", "product_link"),
        ("shown_price", "shown_cost"),
        ("barcode", "active"),
        ("stock_state", "policy"),
        "ledger",
    )
    readonly_fields = (
        "variant",
        "product_link",
        "shown_price",
        "shown_cost",
        "stock_state",
        "policy",
        "active",
        "ledger",
    )
    actions_row = actions_detail = ("change_stock", "edit_details")

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if (found := by_id(queryset, text)) is not None:
            return found
        return in_order(queryset, "sku_key", identifiers.key(text))

    def has_stock_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("catalog.change_variant")

    @display(description="SKU", ordering="sku")
    def variant(self, variant: Variant) -> str:
        return format_html('{}<div class="shop-quiet">{}</div>', variant.sku, variant.label)

    @display(description="Product")
    def product_link(self, variant: Variant) -> str:
        return link(page_url("catalog.product", variant.product_id), variant.product.name)

    @display(description="Price")
    def shown_price(self, variant: Variant) -> str:
        return price(variant.price)

    @display(description="Stock", ordering="stock")
    def stock_state(self, variant: Variant) -> str:
        return stock_badge(variant)

    @display(description="Stock policy")
    def policy(self, variant: Variant) -> str:
        if variant.stock_policy != StockPolicy.BACKORDER:
            return variant.get_stock_policy_display()
        most = "any number" if variant.backorder_limit is None else f"at most {variant.backorder_limit}"
        expected = f", expected on {variant.expected_on:%d %b %Y}" if variant.expected_on else ""
        return f"{variant.get_stock_policy_display()}: {most}{expected}"

    @display(description="Cost", empty_value="–")
    def shown_cost(self, variant: Variant) -> str | None:
        return None if variant.cost is None else price(variant.cost)

    @display(description="Active", boolean=True)
    def active(self, variant: Variant) -> bool:
        return variant.is_active

    @display(description="Latest changes")
    def ledger(self, variant: Variant) -> str:
        url = reverse("admin:catalog_stockmovement_changelist")
        rows = list(StockMovement.objects.filter(variant=variant.pk).order_by("-pk")[:10])
        people = emails(row.reference for row in rows)
        lines = "\n".join(_ledger_line(row, people.get(row.reference, row.reference)) for row in rows)
        return format_html(
            '<pre class="shop-ledger">{}</pre>{}',
            lines or "None yet.",
            link(f"{url}?{urlencode({'q': variant.sku})}", "All changes"),
        )

    @dialog(
        button="Change stock",
        icon="inventory",
        permissions=["stock"],
        url_path="change-stock",
        title="Change stock",
        form_class=StockForm,
    )
    def change_stock(self, request: HttpRequest, form: StockForm, variant: Variant) -> str:
        delta, counted, note = (form.cleaned_data[name] for name in ("change", "counted", "note"))
        stock.adjust(variant, delta=delta, to=counted, note=note, reference=str(request.user.pk))
        return f"The stock of {variant.sku} was changed."

    @dialog(
        button="Stock policy",
        icon="inventory_2",
        permissions=["stock"],
        url_path="stock-policy",
        title="Stock policy, barcode and cost",
        submit="Save",
        form_class=DetailsForm,
    )
    def edit_details(self, request: HttpRequest, form: DetailsForm, variant: Variant) -> str:
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        services.update_variant(variant=variant, data=changed, actor=str(request.user.pk))
        return f"{variant.sku} was changed."


def _ledger_line(row: StockMovement, who: str) -> str:
    at = timezone.localtime(row.created_at)
    about = ", ".join(part for part in (row.note, who) if part)
    return f"{at:%d %b %Y %H:%M}  {row.delta:+d}  {row.get_reason_display()}  {about}"


class LedgerChangeList(QuickChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        people = emails(row.reference for row in self.result_list)
        for row in self.result_list:
            row.who = people.get(row.reference, row.reference)


@admin.register(StockMovement)
class StockMovementAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("created_at", "sku", "change", "reason", "who", "note")
    list_filter = (("reason", ChoicesDropdownFilter), ("created_at", CreationDaysFilter))
    list_prefetch_related = {"variant": ("sku",)}
    search_help_text = "Search SKU (from the start) or order number"
    ordering = ("-pk",)
    sortable_by = ("created_at",)
    fields = ("created_at", "sku", "change", "reason", "who", "note")
    readonly_fields = ("sku", "change", "who")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return LedgerChangeList

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        variants = keys_of(request, Variant, "sku_key", identifiers.key(text))
        return queryset.filter(variant__in=variants) if variants else queryset.filter(reference=text.upper())

    @display(description="SKU")
    def sku(self, movement: StockMovement) -> str:
        return movement.variant.sku

    @display(description="Change")
    def change(self, movement: StockMovement) -> str:
        return badge(f"{movement.delta:+d}", "success" if movement.delta > 0 else "warning")

    @display(description="Order or user", empty_value="–")
    def who(self, movement: StockMovement) -> str | None:
        known: str | None = getattr(movement, "who", None)
        if known is None:
            known = emails([movement.reference]).get(movement.reference, movement.reference)
        return known or None
