from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display

from accounts.models import User
from cart.models import Cart, Coupon, CouponUse
from cart.pricing import price_lines
from shop import money
from shop.admin.base import ReadOnlyModelAdmin, SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.fields import MoneyFormField
from shop.admin.html import badge, price
from shop.admin.lists import DaysFilter, IndexedSearchMixin, ListIndex, in_order, keys_of
from shop.db import identifiers
from shop.jobs.email_addresses import normalize_email


class CouponForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if value := self.initial.get("value"):
            is_percentage = self.instance.kind == Coupon.Kind.PERCENTAGE
            self.initial["value"] = f"{value.normalize():f}" if is_percentage else money.display(value)

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        value = cleaned.get("value")
        if cleaned.get("kind") == Coupon.Kind.PERCENTAGE and value is not None and value > 100:
            self.add_error("value", forms.ValidationError("At most 100 percent.", code="max_value"))
        if cleaned.get("kind") == Coupon.Kind.FIXED and value is not None:
            try:
                MoneyFormField().clean(str(value))
            except forms.ValidationError as error:
                self.add_error("value", error)
        first, last = cleaned.get("valid_from"), cleaned.get("valid_until")
        if first and last and last <= first:
            self.add_error("valid_until", forms.ValidationError("This is before the start.", code="order"))
        return cleaned


@admin.register(Coupon)
class CouponAdmin(SingleDeleteMixin, IndexedSearchMixin, TransactionalModelAdmin):
    form = CouponForm
    list_display = ("code", "shown_value", "state", "times_used", "valid_until")
    list_filter = (("is_active", BooleanRadioFilter), ("kind", ChoicesDropdownFilter))
    list_index = ListIndex(("is_active", "kind"))
    search_help_text = "Search code (from the start)"
    ordering = ("-pk",)
    sortable_by = ("code",)
    money_fields = ("minimum_subtotal",)
    readonly_fields = ("used",)
    fieldsets = (
        (None, {"fields": (("code", "is_active"), ("kind", "value"), "minimum_subtotal")}),
        ("Validity and limits", {"fields": ("valid_from", "valid_until", ("usage_limit", "usage_limit_per_user"))}),
        ("Usage", {"fields": ("used",)}),
    )

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        return in_order(queryset, "code", identifiers.upper_code(text))

    def deletion_blocker(self, coupon: Coupon) -> str:
        used = CouponUse.objects.filter(coupon=coupon.pk).exists()
        return f"Orders were placed with {coupon}. Deactivate it instead." if used else ""

    @display(description="Value")
    def shown_value(self, coupon: Coupon) -> str:
        if coupon.kind == Coupon.Kind.PERCENTAGE:
            return f"{coupon.value.normalize():f}%"
        return price(coupon.value)

    @display(description="State")
    def state(self, coupon: Coupon) -> str:
        kinds = {Coupon.State.ACTIVE: "success", Coupon.State.SCHEDULED: "info"}
        return badge(coupon.state.capitalize(), kinds.get(coupon.state, ""))

    @display(description="Used")
    def times_used(self, coupon: Coupon) -> str:
        return f"{coupon.used} of {coupon.usage_limit}" if coupon.usage_limit is not None else str(coupon.used)


@admin.register(Cart)
class CartAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("owner", "pieces", "coupon", "updated_at")
    list_filter = (("updated_at", DaysFilter),)
    list_prefetch_related = {"user": ("email",)}
    search_help_text = "Search the customer's e-mail address (from the start)"
    ordering = ("-updated_at", "-pk")
    sortable_by = ("updated_at",)
    fields = (("owner", "coupon"), "contents", ("created_at", "updated_at"))
    readonly_fields = ("owner", "contents")

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        return queryset.filter(user__in=keys_of(request, User, "email", normalize_email(text)))

    @display(description="Customer")
    def owner(self, cart: Cart) -> str:
        return cart.user.email if cart.user else "a guest"

    @display(description="Quantity")
    def pieces(self, cart: Cart) -> int:
        return sum(line.quantity for line in cart.lines)

    @display(description="Items")
    def contents(self, cart: Cart) -> str:
        priced = price_lines(cart)
        if not cart.lines:
            return "The cart is empty."
        rows: list[tuple[Any, ...]] = [
            (row.quantity, row.offer.name, row.offer, money.display(row.line_total)) for row in priced.lines
        ]
        rows += [(line.quantity, "deleted product", "", money.display(Decimal(0))) for line in priced.unavailable_lines]
        row = '<tr><td>{} ×</td><td>{}</td><td>{}</td><td class="shop-amount">{}</td></tr>'
        return format_html('<table class="shop-table">{}</table>', format_html_join("", row, rows))
