from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts import hooks
from accounts.models import User
from cart.models import Cart
from cart.owners import CartOwner
from cart.pricing import PricedCart, price_lines
from cart.promotions.admin import PromotionAdmin  # noqa: F401 (registers it)
from cart.services import get_cart
from shop import money
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.html import price
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
        return _shown(get_cart(owner=CartOwner(user=cart.user)) if cart.user else price_lines(cart))


def cart_of(*, user: User) -> SafeString:
    return _shown(get_cart(owner=CartOwner(user=user)))


def _shown(priced: PricedCart) -> SafeString:
    lines = [
        {
            "name": row.offer.name,
            "detail": f"{row.offer}" if row.is_sellable else f"{row.offer}, not available",
            "quantity": row.quantity,
            "total": price(row.line_total),
        }
        for row in priced.lines
    ]
    lines += [
        {"name": "Deleted product", "detail": "", "quantity": line.quantity, "total": price(money.ZERO)}
        for line in priced.unavailable_lines
    ]
    sums = [(each.label, f"-{price(priced.amount_of(each))}") for each in priced.promotions if priced.amount_of(each)]
    context = {"lines": lines, "sums": sums, "total": price(priced.total), "cart": priced.cart}
    return render_to_string("admin/cart/contents.html", context)


hooks.cart_of.register(cart_of)
