from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import User
from orders import detaching, notes, services
from orders.admin.corrections import OrderCorrectionMixin
from orders.admin.fulfilments import PARCEL_FORMS, CancelForm, OrderFulfilmentMixin
from orders.admin.mails import MAIL_FORMS, OrderMailsMixin
from orders.admin.new_order import NewOrderMixin
from orders.admin.notes import NOTE_FORMS, OrderNotesMixin
from orders.admin.order_list import OrderListMixin, WorkFilter
from orders.admin.order_page import page_context
from orders.admin.returns import RETURN_BUTTONS, ReturnDialogs
from orders.errors import OrderNotErasable, ReturnNotOpen
from orders.events import Actor, Event
from orders.invoices.order_admin import InvoiceDialog
from orders.lifecycle import TRANSITIONS
from orders.models import Order
from orders.querysets import OrderQuerySet
from orders.reports.admin import ReportsMixin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.lists import CreationDaysFilter, OptionsFilter
from shop.api.object_ids import parse_object_id
from shop.db import identifiers


class SettleForm(DialogForm):
    note = forms.CharField(
        max_length=300,
        label="Resolution note",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "Refunded by bank transfer"}),
        help_text="Shown in the timeline, to staff only.",
    )


class FlagFilter(OptionsFilter):
    title = parameter_name = "flag"
    options = {
        "open": ("Needs review", OrderQuerySet.with_open_flag),
        "settled": ("Resolved", lambda orders: orders.filter(flagged=True, flag_settled=True)),
    }


class TagFilter(DropdownFilter):
    title = parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        chosen = identifiers.slug(request.GET.get(self.parameter_name) or "")
        tags = {*notes.suggested_tags(), *([chosen] if chosen else [])}
        # Django ignores a filter without choices.
        return [(tag, tag) for tag in sorted(tags)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        tag = identifiers.slug(self.value() or "")
        return queryset.filter(tags__contains=[tag]) if tag else queryset


class CustomerFilter(SimpleListFilter):
    """There are too many customers to list as choices."""

    title = "customer"
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        # Django ignores a filter without choices.
        if not (wanted := request.GET.get(self.parameter_name)):
            return []
        pk = parse_object_id(wanted)
        email = User.objects.filter(pk=pk).values_list("email", flat=True).first() if pk else None
        return [(wanted, email or "unknown customer")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not (wanted := self.value()):
            return queryset
        pk = parse_object_id(wanted)
        return queryset.filter(user=pk) if pk else queryset.none()


BUTTONS = {
    "ship": Event.SHIPPED,
    "deliver": Event.DELIVERED,
    "settle": Event.FLAG_SETTLED,
    "cancel": Event.CANCELLED,
    "correct": Event.CORRECTED,
    "cancel_unshipped": Event.ITEMS_CANCELLED,
}


@admin.register(Order)
class OrderAdmin(
    ReportsMixin,
    InvoiceDialog,
    NewOrderMixin,
    OrderFulfilmentMixin,
    ReturnDialogs,
    OrderCorrectionMixin,
    OrderNotesMixin,
    OrderMailsMixin,
    OrderListMixin,
):
    list_filter = (
        CustomerFilter,
        WorkFilter,
        ("status", ChoicesDropdownFilter),
        ("payment_status", ChoicesDropdownFilter),
        ("fulfilment_status", ChoicesDropdownFilter),
        FlagFilter,
        TagFilter,
        ("created_at", CreationDaysFilter),
    )
    # The template renders the page; fields would cost reads.
    fields = ()
    change_form_template = "admin/orders/order.html"
    actions_list = ("new_order", "reports")
    actions_detail = (
        *(*BUTTONS, "packing_slip", *RETURN_BUTTONS, "invoice", "waive", "erase"),
        *(*PARCEL_FORMS, *NOTE_FORMS, *MAIL_FORMS),
    )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {**page_context(context["original"], request), "title": "Order"}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Order | None:
        """Cache per request: buttons, page and Django each fetch it."""
        known = request.__dict__.setdefault("_orders", {})
        if object_id not in known:
            known[object_id] = super().get_object(request, object_id, from_field)
        return known[object_id]

    def has_manage_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("orders.change_order")

    def has_erase_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """As for the deletion of an account."""
        return request.user.has_perm("accounts.delete_user")

    def action_blocker(self, button: str, order: Order) -> str:
        if button == "erase":
            return "" if order.is_of_guest else str(OrderNotErasable())
        if button in RETURN_BUTTONS:
            return "" if RETURN_BUTTONS[button](order) else str(ReturnNotOpen())
        if button not in BUTTONS:
            return super().action_blocker(button, order)
        return str(TRANSITIONS[BUTTONS[button]].refusal_of(order) or super().action_blocker(button, order))

    @dialog(
        button="Cancel order",
        icon="cancel",
        variant=ActionVariant.DANGER,
        permissions=["manage"],
        title="Cancel this order?",
        text="The stock is released, and any payment is refunded. This cannot be undone.",
        form_class=CancelForm,
        dismiss="Keep order",
    )
    def cancel(self, request: HttpRequest, form: CancelForm, order: Order) -> str:
        services.cancel_order(order=order, actor=Actor.STAFF, **form.cleaned_data)
        return f"Order {order.number} was cancelled."

    @dialog(
        button="Erase personal data",
        icon="person_remove",
        permissions=["erase"],
        title="Erase the guest's personal data?",
        text="An unpaid order is cancelled. The address is kept until the order is sent. This cannot be undone.",
    )
    def erase(self, request: HttpRequest, form: DialogForm, order: Order) -> str:
        detaching.erase_guest_order(order=order)
        return f"The personal data of order {order.number} was erased, or will be once nothing is left to send."

    @dialog(
        button="Resolve flag",
        icon="task_alt",
        permissions=["manage"],
        title="Resolve this flag?",
        text="The order was reviewed and needs no further action.",
        form_class=SettleForm,
    )
    def settle(self, request: HttpRequest, form: SettleForm, order: Order) -> str:
        services.resolve_flag(order=order, **form.cleaned_data)
        return f"The flag of order {order.number} was resolved."
