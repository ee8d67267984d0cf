"""Orders in the admin: read, cancelled, sent; what was sold at what price is never edited. And how parcels go."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import User, normalize_email
from orders import services, summary
from orders.errors import OrderNotFulfillable
from orders.models import Actor, FulfilmentStatus, Order, OrderStatus, PaymentStatus, ShippingMethod, TaxRate
from shop import money
from shop.admin.base import ReadOnlyModelAdmin, TransactionalModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import badge, price, thumbnail
from shop.admin.lists import DaysFilter, IndexedSearchMixin, begins_with, by_id

STATUS_LABELS = {"pending": "warning", "completed": "success", "cancelled": "danger"}
PAYMENT_LABELS = {
    "unpaid": "warning",
    "processing": "info",
    "paid": "success",
    "partially_refunded": "info",
    "refunded": "info",
    "failed": "danger",
    "disputed": "danger",
}
FULFILMENT_LABELS = {"shipped": "info", "delivered": "success"}
EVENT_ICONS = {
    "placed": "shopping_cart",
    "payment_processing": "hourglass_top",
    "payment_failed": "credit_card_off",
    "paid": "payments",
    "cancelled": "cancel",
    "expired": "timer_off",
    "refunded": "currency_exchange",
    "disputed": "gavel",
    "dispute_won": "gavel",
    "dispute_lost": "gavel",
    "flagged": "flag",
    "shipped": "local_shipping",
    "delivered": "home",
}


class CancelForm(DialogForm):
    reason = forms.CharField(
        max_length=300,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "The customer changed their mind"}),
        help_text="The customer reads it in the order's history.",
    )


class ShipForm(DialogForm):
    carrier = forms.CharField(max_length=80, required=False, widget=UnfoldAdminTextInputWidget)
    tracking_number = forms.CharField(max_length=120, required=False, widget=UnfoldAdminTextInputWidget)


@admin.register(Order)
class OrderAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("order", "created_at", "shown_total", "status_label", "payment_label", "fulfilment_label", "flag")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("payment_status", ChoicesDropdownFilter),
        ("fulfilment_status", ChoicesDropdownFilter),
        ("flagged", BooleanRadioFilter),
        ("created_at", DaysFilter),
    )
    list_prefetch_related = ("user",)
    search_help_text = "Number, or beginning of the e-mail address"
    ordering = ("-pk",)
    # The page is the template's; the columns would only be read for nothing.
    fields = ()
    change_form_template = "admin/orders/order.html"
    actions_detail = ("ship", "deliver", "cancel")

    # --- The list -----------------------------------------------------------------------------------------------------

    def search(self, queryset: QuerySet, text: str) -> QuerySet:
        if (found := by_id(queryset, text)) is not None:
            return found
        if "@" not in text and (by_number := queryset.filter(begins_with("number", text.upper()))).exists():
            return by_number
        people = User.objects.filter(begins_with("email", normalize_email(text)))
        return queryset.filter(user__in=list(people.values_list("pk", flat=True)[:500]))

    @display(description="Order", header=True)
    def order(self, order: Order) -> list[str]:
        return [order.number, order.user.email if order.user else "account deleted"]

    @display(description="Total")
    def shown_total(self, order: Order) -> str:
        return f"{money.display(order.total, order.currency)} {order.currency.upper()}"

    @display(description="Status")
    def status_label(self, order: Order) -> str:
        return badge(order.get_status_display(), STATUS_LABELS[order.status])

    @display(description="Payment")
    def payment_label(self, order: Order) -> str:
        return badge(order.get_payment_status_display(), PAYMENT_LABELS[order.payment_status])

    @display(description="Fulfilment")
    def fulfilment_label(self, order: Order) -> str:
        return badge(order.get_fulfilment_status_display(), FULFILMENT_LABELS.get(order.fulfilment_status, ""))

    @display(description="")
    def flag(self, order: Order) -> str:
        return badge("Flagged", "danger") if order.flagged else ""

    # --- The page -----------------------------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        order = self.get_object(request, object_id) if object_id else None
        context = {**(extra_context or {}), **(_page(order, request) if order else {}), "title": "Order"}
        return super().changeform_view(request, object_id, form_url, context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Order | None:
        """Return the order, read once a request: its buttons, its page and Django all ask for it."""
        known = request.__dict__.setdefault("_orders", {})
        if object_id not in known:
            known[object_id] = super().get_object(request, object_id, from_field)
        return known[object_id]

    # --- Buttons ------------------------------------------------------------------------------------------------------

    def has_manage_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("orders.change_order")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what the order's state allows."""
        order = self.get_object(request, object_id)
        return [
            each
            for each in super().get_actions_detail(request, object_id)
            if order and not self.why_not(each.action_name.removeprefix("orders_order_"), order)
        ]

    def why_not(self, button: str, order: Order) -> str:
        if button == "cancel":
            return "" if order.is_cancellable else str(services.why_not_cancellable(order))
        needed = {"ship": FulfilmentStatus.UNFULFILLED, "deliver": FulfilmentStatus.SHIPPED}[button]
        ready = order.has_its_money and order.status == OrderStatus.COMPLETED and order.fulfilment_status == needed
        return "" if ready else str(OrderNotFulfillable())

    @dialog(
        button="Cancel order",
        icon="cancel",
        variant=ActionVariant.DANGER,
        permissions=["manage"],
        url_path="cancel",
        title="Cancel this order?",
        text="The stock goes back, and what was paid is refunded. This cannot be undone.",
        form_class=CancelForm,
        dismiss="Keep the order",
        submit="Cancel the order",
    )
    def cancel(self, request: HttpRequest, form: CancelForm, order: Order) -> HttpResponse:
        return self.perform(
            request,
            lambda: services.cancel_order(order=order, reason=form.cleaned_data["reason"], actor=Actor.STAFF),
            done=f"Order {order.number} is cancelled.",
            url=self.change_url(order.pk),
        )

    @dialog(
        button="Mark as shipped",
        icon="local_shipping",
        variant=ActionVariant.PRIMARY,
        permissions=["manage"],
        url_path="ship",
        title="Mark as shipped",
        text="The customer sees the carrier and the tracking number.",
        form_class=ShipForm,
        submit="Mark as shipped",
    )
    def ship(self, request: HttpRequest, form: ShipForm, order: Order) -> HttpResponse:
        return self._fulfil(request, form, order, FulfilmentStatus.SHIPPED)

    @dialog(
        button="Mark as delivered",
        icon="home",
        variant=ActionVariant.PRIMARY,
        permissions=["manage"],
        url_path="deliver",
        title="Mark as delivered?",
        text="The parcel has arrived.",
        submit="Mark as delivered",
    )
    def deliver(self, request: HttpRequest, form: DialogForm, order: Order) -> HttpResponse:
        return self._fulfil(request, form, order, FulfilmentStatus.DELIVERED)

    def _fulfil(self, request: HttpRequest, form: DialogForm, order: Order, status: FulfilmentStatus) -> HttpResponse:
        parcel = {name: form.cleaned_data.get(name, "") for name in ("carrier", "tracking_number")}
        return self.perform(
            request,
            lambda: services.fulfil_order(order=order, status=status, actor=Actor.STAFF, **parcel),
            done=f"Order {order.number} is {status.label.lower()}.",
            url=self.change_url(order.pk),
        )


def _page(order: Order, request: HttpRequest) -> dict[str, Any]:
    """Return what the template shows of an order."""

    def amount(value: Any) -> str:
        return money.display(value, order.currency)

    shipping_method = summary.shipping_method_name(order)
    return {
        "subtitle": order.number,
        "order": order,
        "labels": [
            badge(order.get_status_display(), STATUS_LABELS[order.status]),
            badge(order.get_payment_status_display(), PAYMENT_LABELS[order.payment_status]),
            badge(order.get_fulfilment_status_display(), FULFILMENT_LABELS.get(order.fulfilment_status, "")),
            badge("Flagged", "danger") if order.flagged else "",
        ],
        "lines": [{**row, "thumbnail": thumbnail(row["line"].image)} for row in summary.lines(order)],
        "totals": summary.totals(order, shipping_method),
        "shipping_method": shipping_method,
        "country": summary.country_name(order),
        "total": amount(order.total),
        "currency": order.currency.upper(),
        "refunds": [(entry, amount(entry.amount)) for entry in order.refunds],
        "timeline": [(entry, EVENT_ICONS.get(entry.event, "circle")) for entry in reversed(order.timeline)],
        "payment_url": _url_of("payments_payment_change", order.payment),
        "refund_url": _url_of("payments_payment_refund", order.payment)
        if _is_refundable(order) and request.user.has_perm("payments.add_refund")
        else "",
    }


def _is_refundable(order: Order) -> bool:
    """Whether money came in that has not gone back yet; the payment decides."""
    states = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED)
    return bool(order.payment) and order.payment_status in states and order.refunded < order.total


def _url_of(name: str, pk: Any) -> str:
    """Return an address of the payments' admin, which this room knows only by name."""
    try:
        return reverse(f"admin:{name}", args=[pk]) if pk else ""
    except NoReverseMatch:
        return ""


@admin.register(ShippingMethod)
class ShippingMethodAdmin(TransactionalModelAdmin):
    list_display = ("name", "code", "shown_price", "position", "is_active")
    list_filter = (("is_active", BooleanRadioFilter),)
    money_fields = ("price",)
    prepopulated_fields = {"code": ("name",)}
    fields = (("name", "code"), "description", ("price", "position"), "is_active")

    @display(description="Price", ordering="price")
    def shown_price(self, method: ShippingMethod) -> str:
        return price(method.price)


@admin.register(TaxRate)
class TaxRateAdmin(TransactionalModelAdmin):
    list_display = ("country", "state", "shown_rate", "applies_to_shipping")
    list_display_links = ("country",)
    search_fields = ("country", "state")
    ordering = ("country", "state")
    fields = (("country", "state"), ("rate", "applies_to_shipping"))

    @display(description="Rate")
    def shown_rate(self, rate: TaxRate) -> str:
        return f"{rate.rate.normalize():f} %"
