from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from accounts.models import User
from cart.models import Cart
from cart.pricing import price_lines
from cart.promotions.admin import PromotionAdmin  # noqa: F401 (registers it)
from shop import money
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.lists import DaysFilter, IndexedSearchMixin, keys_of
from shop.jobs.email_addresses import normalize_email


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
