"""Shipping in the admin: parcels of an order, and bulk actions."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from bson import ObjectId
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from orders.errors import OrderNotFulfillable
from orders.fulfilments import services
from orders.fulfilments.carriers import carrier_names
from orders.fulfilments.models import Fulfilment
from orders.fulfilments.packing_slips import packing_slip, packing_slips, units_to_pack
from orders.fulfilments.serializers import check_tracking_url
from orders.models import Order
from orders.statuses import FulfilmentStatus, OrderStatus
from shop.admin.base import TransactionalModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.forms_in_pages import FormsInPagesMixin, KeyField
from shop.api.errors import ShopError

# Orders that a bulk action ships or prints in one request.
MOST_ORDERS = 100
# Reported by name.
_SHOWN_FAILURES = 20


class CancelForm(DialogForm):
    reason = forms.CharField(
        max_length=300,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "The customer changed their mind"}),
        help_text="Shown to the customer.",
    )


class CarrierWidget(UnfoldAdminTextInputWidget):
    template_name = "admin/widgets/suggestions.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, {**(attrs or {}), "list": f"{name}-suggestions"})
        return {**context, "suggestions": carrier_names()}


class TrackingFields(DialogForm):
    carrier = forms.CharField(max_length=80, required=False, widget=CarrierWidget)
    tracking_number = forms.CharField(max_length=120, required=False, widget=UnfoldAdminTextInputWidget)
    tracking_url = forms.CharField(
        label="Tracking link",
        max_length=500,
        required=False,
        validators=[check_tracking_url],
        widget=UnfoldAdminTextInputWidget,
        help_text="Leave empty to use the carrier's page, if the shop knows it.",
    )


class ShipForm(TrackingFields):
    # A dialog that is sent twice ships once.
    key = KeyField(initial=ObjectId)

    def __init__(self, *args: Any, obj: Order, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        left = [line for line in obj.lines if line.unfulfilled]
        for line in left:
            options = ", ".join(map(str, line.options.values()))
            self.fields[_field_of(line.variant)] = forms.IntegerField(
                label=f"{line.name} ({options})" if options else line.name,
                help_text=f"{line.sku}, {line.unfulfilled} to ship",
                min_value=0,
                initial=line.unfulfilled,
                required=False,
                widget=UnfoldAdminIntegerFieldWidget,
            )
        self.order_fields([_field_of(line.variant) for line in left])
        self._left = left

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        named = {line.variant: cleaned.pop(_field_of(line.variant), None) for line in self._left}
        cleaned["quantities"] = {variant: units for variant, units in named.items() if units}
        if not cleaned["quantities"] and not self.errors:
            raise ValidationError("Enter the quantity of at least one item.", code="empty")
        return cleaned


def _field_of(variant: ObjectId) -> str:
    return f"quantity_{variant}"


class ParcelForm(DialogForm):
    key = KeyField()

    def clean_key(self) -> ObjectId:
        key: ObjectId = self.cleaned_data["key"]
        if parcel_of(self.obj, str(key)) is None:
            raise ValidationError("This order has no such parcel.", code="does_not_exist")
        return key


class TrackingForm(ParcelForm, TrackingFields):
    def __init__(self, *args: Any, obj: Order, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        if parcel := parcel_of(obj, self.initial.get("key", "")):
            self.initial.update({name: getattr(parcel, name) for name in services.TRACKING_FIELDS})


def parcel_of(order: Order, key: str) -> Fulfilment | None:
    return next((parcel for parcel in order.fulfilments if str(parcel.key) == key), None)


PARCEL_FORMS = ("correct_tracking", "deliver_parcel")


class OrderFulfilmentMixin(FormsInPagesMixin, TransactionalModelAdmin):
    forms_in_page: tuple[str, ...] = PARCEL_FORMS
    actions = ("ship_chosen", "deliver_chosen", "print_packing_slips")
    most_changed = dict.fromkeys(actions, MOST_ORDERS)

    def action_blocker(self, button: str, order: Order) -> str:
        if button == "deliver" and order.fulfilment_status != FulfilmentStatus.SHIPPED:
            return str(OrderNotFulfillable())
        if button == "packing_slip":
            return slip_blocker(order)
        return super().action_blocker(button, order)

    @dialog(
        button="Ship items",
        icon="local_shipping",
        variant=ActionVariant.PRIMARY,
        permissions=["manage"],
        title="Ship items",
        text="These units leave in one parcel. The customer receives its contents and tracking link.",
        form_class=ShipForm,
    )
    def ship(self, request: HttpRequest, form: ShipForm, order: Order) -> str:
        order = services.ship(order=order, **form.cleaned_data)
        return f"Order {order.number} was marked as {order.get_fulfilment_status_display().lower()}."

    @dialog(
        button="Cancel unshipped items",
        icon="remove_shopping_cart",
        variant=ActionVariant.DANGER,
        permissions=["manage"],
        title="Cancel the items that are left?",
        text="Their stock is released, and what was paid for them is refunded. This cannot be undone.",
        form_class=CancelForm,
        dismiss="Keep items",
    )
    def cancel_unshipped(self, request: HttpRequest, form: CancelForm, order: Order) -> str:
        services.cancel_unshipped(order=order, **form.cleaned_data)
        return f"The rest of order {order.number} was cancelled."

    @dialog(
        button="Mark as delivered",
        icon="home",
        variant=ActionVariant.PRIMARY,
        permissions=["manage"],
        title="Mark as delivered?",
        text="The customer has received the order.",
    )
    def deliver(self, request: HttpRequest, form: DialogForm, order: Order) -> str:
        services.deliver_all(order=order)
        return f"Order {order.number} was marked as delivered."

    @dialog(
        button="Correct tracking",
        icon="edit",
        permissions=["manage"],
        title="Correct the tracking",
        submit="Save",
        form_class=TrackingForm,
    )
    def correct_tracking(self, request: HttpRequest, form: TrackingForm, order: Order) -> str:
        tracking = {name: form.cleaned_data[name] for name in services.TRACKING_FIELDS}
        services.change_parcel(order=order, key=form.cleaned_data["key"], tracking=tracking)
        return "The tracking was saved."

    @dialog(
        button="Mark as delivered",
        icon="home",
        variant=ActionVariant.PRIMARY,
        permissions=["manage"],
        title="Mark this parcel as delivered?",
        text="The customer has received it.",
        form_class=ParcelForm,
    )
    def deliver_parcel(self, request: HttpRequest, form: ParcelForm, order: Order) -> str:
        services.change_parcel(order=order, key=form.cleaned_data["key"], delivered=True)
        return "The parcel was marked as delivered."

    @action(description="Packing slip", icon="print", permissions=["view"])
    def packing_slip(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the PDF of what is left to ship, or with ``?key=`` of a parcel."""
        order = self.find(request, object_id)
        key = request.GET.get("key")
        parcel = parcel_of(order, key) if order and key else None
        if order is None or (key and parcel is None):
            raise Http404
        if reason := slip_blocker(order):
            self.message_user(request, reason, messages.WARNING)
            return HttpResponseRedirect(self.change_url(order.pk))
        return pdf_response(packing_slip(order, parcel), f"packing-slip-{order.number}.pdf")

    @admin.action(description="Mark as shipped", permissions=["manage"])
    def ship_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._change_each(request, queryset, lambda order: services.ship(order=order), done="shipped")

    @admin.action(description="Mark as delivered", permissions=["manage"])
    def deliver_chosen(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._change_each(request, queryset, lambda order: services.deliver_all(order=order), done="delivered")

    @admin.action(description="Print packing slips", permissions=["view"])
    def print_packing_slips(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        orders = list(Order.objects.filter(pk__in=queryset.values_list("pk", flat=True)).order_by("pk"))
        refused = {order.number: reason for order in orders if (reason := slip_blocker(order))}
        self._report(request, refused, "printed")
        printed = [order for order in orders if order.number not in refused]
        return pdf_response(packing_slips(printed), "packing-slips.pdf") if printed else None

    def _change_each(
        self, request: HttpRequest, queryset: QuerySet[Order], change: Callable[[Order], Any], *, done: str
    ) -> None:
        """Change each order in its own transaction, the oldest first."""
        refused, changed = {}, 0
        for order in queryset.order_by("pk"):
            try:
                change(order)
            except ShopError as error:
                refused[order.number] = str(error)
            else:
                changed += 1
        if changed:
            orders = "1 order was" if changed == 1 else f"{changed} orders were"
            self.message_user(request, f"{orders} marked as {done}.", messages.SUCCESS)
        self._report(request, refused, done)

    def _report(self, request: HttpRequest, refused: dict[str, str], done: str) -> None:
        by_reason: defaultdict[str, list[str]] = defaultdict(list)
        for number, reason in refused.items():
            by_reason[reason].append(number)
        for reason, numbers in by_reason.items():
            shown = ", ".join(numbers[:_SHOWN_FAILURES])
            more = f" and {len(numbers) - _SHOWN_FAILURES} more" if len(numbers) > _SHOWN_FAILURES else ""
            self.message_user(request, f"Not {done}: {shown}{more}. {reason}", messages.ERROR)


def slip_blocker(order: Order) -> str:
    """Return why there is nothing to pack, or ""."""
    if order.status != OrderStatus.COMPLETED or not units_to_pack(order):
        return "Only a paid order that is not cancelled has a packing slip."
    return "The address of this order was erased." if order.erased_at else ""


def pdf_response(content: bytes, name: str) -> HttpResponse:
    disposition = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(content, content_type="application/pdf", headers=disposition)
