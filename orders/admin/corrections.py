from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.decorators import action

from orders import corrections
from orders.admin.address_forms import AddressForm
from orders.corrections import Correction
from orders.errors import NothingDue
from orders.events import Event
from orders.lifecycle import TRANSITIONS
from orders.models import Order
from shop import money
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import page_context, page_url, price
from shop.admin.refusals import add_refusal
from shop.api.errors import ShopError


class BillingForm(forms.Form):
    same = forms.BooleanField(required=False, label="Billed to the shipping address")


class ConfirmationForm(forms.Form):
    """``total`` is the one that was shown."""

    total = forms.DecimalField(widget=forms.HiddenInput)
    waive = forms.BooleanField(required=False)


class OrderCorrectionMixin(admin.ModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.addresses_view)
        return [path("<path:object_id>/addresses/", view, name="orders_order_addresses"), *super().get_urls()]

    @action(description="Correct addresses", icon="edit_location", url_path="correct", permissions=["manage"])
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(page_url("orders.order", object_id, "addresses"))

    @dialog(
        button="Waive difference",
        icon="money_off",
        permissions=["manage"],
        title="Waive the amount due?",
        text="The customer is no longer asked to pay it.",
    )
    def waive(self, request: HttpRequest, form: DialogForm, order: Order) -> str:
        corrections.waive_difference(order=order)
        return "Nothing more is due."

    def action_blocker(self, button: str, order: Order) -> str:
        if button == "waive":
            return "" if order.has_amount_due else str(NothingDue())
        return super().action_blocker(button, order)  # type: ignore[misc]

    def addresses_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form, then what the order would cost, then write it."""
        if not request.user.has_perm("orders.change_order"):
            raise PermissionDenied
        order: Order | None = self.get_object(request, object_id)
        if order is None:
            raise Http404
        back = page_url("orders.order", order.pk)
        if refusal := TRANSITIONS[Event.CORRECTED].refusal_of(order):
            self.message_user(request, str(refusal), messages.WARNING)
            return HttpResponseRedirect(back)
        data = request.POST if request.method == "POST" else None
        sent_to = AddressForm(data, prefix="shipping", address=order.shipping_address)
        billed_to = AddressForm(data, prefix="billing", address=order.billed_to)
        billing = BillingForm(data, initial={"same": order.billing_address is None or _is_same(sent_to, billed_to)})
        preview: Correction | None = None
        if sent_to.is_valid() and billing.is_valid() and (billing.cleaned_data["same"] or billed_to.is_valid()):
            billing_address = sent_to.address if billing.cleaned_data["same"] else billed_to.address
            addresses = {"shipping_address": sent_to.address, "billing_address": billing_address}
            try:
                confirmed = ConfirmationForm(data)
                if "save" in request.POST and confirmed.is_valid():
                    corrections.correct_order(
                        order=order,
                        **addresses,
                        expected_total=money.quantize(confirmed.cleaned_data["total"], order.currency),
                        waive=confirmed.cleaned_data["waive"],
                    )
                    self.message_user(request, f"Order {order.number} was corrected.", messages.SUCCESS)
                    return HttpResponseRedirect(back)
                if "again" not in request.POST:
                    preview = corrections.calculate(order=order, **addresses)
            except ShopError as error:
                add_refusal(sent_to, error)
        context = {
            **page_context(self, request, f"Correct the addresses of {order.number}"),
            "order": order,
            "sections": [("Shipping address", sent_to), ("Billing address", billed_to)],
            "billing": billing,
            "preview": _shown(preview) if preview else None,
            "back": back,
        }
        return TemplateResponse(request, "admin/orders/addresses.html", context)


def _is_same(*forms_: AddressForm) -> bool:
    first, second = (each.initial for each in forms_)
    return bool(first == second)


def _shown(correction: Correction) -> dict[str, Any]:
    order = correction.order
    rows = [
        ("Shipping", order.shipping, correction.shipping),
        ("Tax", order.tax, correction.tax),
        ("Total", order.total, correction.total),
    ]
    return {
        "rows": [(name, *(price(amount, order.currency) for amount in amounts)) for name, *amounts in rows],
        "total": correction.total,
        "is_paid": order.paid_at is not None,
        "is_higher": correction.difference > 0,
        "difference": price(abs(correction.difference), order.currency) if correction.difference else "",
    }
