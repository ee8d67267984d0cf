"""The list of orders: who bought what, what is to be done, and tabs of the work of a day."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from orders import holds
from orders.admin.labels import order_badges
from orders.admin.search import matching
from orders.lifecycle import STATUSES
from orders.models import Order
from orders.querysets import OrderQuerySet
from orders.statuses import OrderStatus
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.dashboard import number_of
from shop.admin.html import badge, list_url, price
from shop.admin.lists import IndexedSearchMixin, ListIndex, OptionsFilter
from shop.admin.palette import in_palette

TABS = {
    "to_ship": ("To ship", OrderQuerySet.to_ship),
    # With all other statuses, so that an index sorts them.
    "unpaid": ("Unpaid", lambda orders: orders.with_statuses(status=OrderStatus.PENDING)),
    "problems": ("Problems", OrderQuerySet.with_problems),
    "open_returns": ("Returns", OrderQuerySet.with_open_returns),
    "shipped": ("Shipped", OrderQuerySet.shipped),
}


class WorkFilter(OptionsFilter):
    title = parameter_name = "work"
    options = {
        **TABS,
        "at_hold_limits": ("At hold limits", lambda orders: orders.filter(holds.orders_at_limits())),
    }


class OrderListMixin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("order", "created_at", "customer", "items", "delivery", "state", "shown_total", "marks")
    list_prefetch_related = {"user": ("email", "name")}
    list_defer = (
        *("invoice", "credit_notes", "timeline", "mails", "refunds", "returns", "disputes", "fulfilments"),
        *("discounts", "tax_lines", "search_words", "subtotal", "discount", "shipping", "tax"),
    )
    list_index = ListIndex(tuple(STATUSES), serves=("tag",))
    list_before_template = "admin/orders/tabs.html"
    search_help_text = "Number, name, e-mail, phone, town, SKU, product, note, tag or payment"
    ordering = ("-pk",)
    sortable_by = ("created_at",)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        return matching(request, queryset, text)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "tabs": list(_tabs(request))})

    @display(description="Order")
    def order(self, order: Order) -> str:
        if not order.note:
            return order.number
        mark = '{} <span class="material-symbols-outlined shop-mark" title="{}" aria-label="Note: {}">chat</span>'
        return format_html(mark, order.number, order.note, order.note)

    @display(description="Customer", header=True)
    def customer(self, order: Order) -> list[str]:
        address = order.shipping_address or order.billing_address
        name = (address.name if address else "") or (order.user.name if order.user else "")
        if order.user:
            return [name or order.user.email, order.user.email]
        if order.is_of_guest:
            return [name, f"{order.email} (guest)"]
        return [name or "deleted account", "deleted account" if name else ""]

    @display(description="Items")
    def items(self, order: Order) -> int:
        return sum(line.quantity for line in order.lines)

    @display(description="Delivery")
    def delivery(self, order: Order) -> str:
        country = order.shipping_address.country if order.shipping_address else ""
        return ", ".join(filter(None, (order.shipping_method, country)))

    @display(description="State")
    def state(self, order: Order) -> str:
        return _labels(order_badges(order))

    @display(description="Total")
    def shown_total(self, order: Order) -> str:
        return price(order.total, order.currency)

    @display(description="Marks", empty_value="–")
    def marks(self, order: Order) -> str | None:
        shown = [badge("Flagged", "danger")] if order.has_open_flag else []
        shown += [badge("Amount due", "warning")] if order.has_amount_due else []
        shown += [badge(f"Notes {len(order.notes)}", "info")] if order.notes else []
        return _labels([*shown, *map(badge, order.tags)]) or None


def _labels(badges: list[Any]) -> str:
    if not badges:
        return ""
    return format_html('<span class="shop-labels">{}</span>', format_html_join("", "{}", ((each,) for each in badges)))


def _tabs(request: HttpRequest) -> Iterator[dict[str, Any]]:
    work = request.GET.get("work", "")
    is_plain = not request.GET.keys() - {"work", "p"}
    yield {"label": "All", "url": list_url("orders.order"), "is_open": is_plain and not work, "count": ""}
    for name, (label, of) in TABS.items():
        _, count = number_of(of(Order.objects.all()))
        yield {"label": label, "url": list_url("orders.order", work=name), "is_open": work == name, "count": count}


@in_palette(1, "orders.order", icon="receipt_long")
def _in_palette(order: Order) -> tuple[str, str]:
    address = order.shipping_address or order.billing_address
    return order.number, ", ".join(filter(None, (address.name if address else "", order.email)))
