"""Dialogs of the order's page that answer, receive and refund its returns."""

from collections.abc import Sequence
from typing import Any, cast

from bson import ObjectId
from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from orders.models import Order
from orders.returns import services
from orders.returns.models import OrderReturn, ReturnStatus
from orders.summary import returned_lines
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import price


def requested(order: Order) -> list[OrderReturn]:
    return [each for each in order.returns if each.status == ReturnStatus.REQUESTED]


def rejectable(order: Order) -> list[OrderReturn]:
    return [each for each in order.returns if each.is_awaited and not each.withdrawal]


def receivable(order: Order) -> list[OrderReturn]:
    return [each for each in order.returns if each.status == ReturnStatus.APPROVED or each.can_be_refunded]


RETURN_BUTTONS = {"approve_return": requested, "reject_return": rejectable, "receive_return": receivable}


class ReturnForm(DialogForm):
    key = forms.ChoiceField(label="Return", widget=UnfoldAdminSelectWidget)
    button: str

    def __init__(self, *args: Any, obj: Order, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        self.returns: Sequence[OrderReturn] = RETURN_BUTTONS[self.button](obj)
        cast("forms.ChoiceField", self.fields["key"]).choices = [
            (str(each.key), _title(obj, each)) for each in self.returns
        ]

    def clean_key(self) -> ObjectId:
        return ObjectId(self.cleaned_data["key"])


def _title(order: Order, found: OrderReturn) -> str:
    kind = "Withdrawal" if found.withdrawal else "Return"
    return f"{kind} of {found.created_at:%-d %b %Y}: {returned_lines(order, found)}"


class ApproveReturnForm(ReturnForm):
    button = "approve_return"
    answer = forms.CharField(
        max_length=300, required=False, widget=UnfoldAdminTextInputWidget, help_text="Shown to the customer."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if any(not each.has_goods for each in self.returns):
            self.fields["refund"] = forms.BooleanField(
                label="Refund items that were not shipped",
                required=False,
                initial=True,
                widget=UnfoldBooleanWidget,
                help_text="If the payment is disputed, approve without; the return can be refunded later.",
            )


class RejectReturnForm(ReturnForm):
    button = "reject_return"
    answer = forms.CharField(
        max_length=300, label="Reason", widget=UnfoldAdminTextInputWidget, help_text="Shown to the customer."
    )


class ReceiveReturnForm(ReturnForm):
    button = "receive_return"

    def __init__(self, *args: Any, obj: Order, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        names = {line.variant: line.name for line in obj.lines}
        for each in self.returns:
            of_return = f", return of {each.created_at:%-d %b}" if len(self.returns) > 1 else ""
            for line in each.lines if each.status == ReturnStatus.APPROVED else ():
                if line.shipped:
                    self.fields[f"received_{each.key}_{line.line}"] = forms.IntegerField(
                        label=f"Received of {line.shipped} × {names[line.line]}{of_return}",
                        min_value=0,
                        max_value=line.shipped,
                        initial=line.shipped,
                        required=False,
                        widget=UnfoldAdminIntegerFieldWidget,
                        help_text="The others are not refunded, and can be returned again.",
                    )
                    self.fields[f"restock_{each.key}_{line.line}"] = forms.BooleanField(
                        label=f"Put {names[line.line]} back into stock{of_return}",
                        required=False,
                        initial=True,
                        widget=UnfoldBooleanWidget,
                    )
        expected = [price(each.expected_refund, obj.currency) for each in self.returns]
        self.fields["refund"] = forms.BooleanField(
            label="Refund the units",
            required=False,
            initial=True,
            widget=UnfoldBooleanWidget,
            help_text=f"{', '.join(expected)} when it was requested. A received return can be refunded later.",
        )
        self.fields["shipping"] = forms.BooleanField(
            label="Refund the shipping",
            required=False,
            widget=UnfoldBooleanWidget,
            help_text="A withdrawal from the whole order refunds it in any case.",
        )

    @property
    def wanted(self) -> dict[str, Any]:
        """Return the arguments of `receive_return`."""
        key, values = self.cleaned_data["key"], self.cleaned_data
        prefix = f"restock_{key}_"
        return {
            "key": key,
            "lines": [
                services.ReceivedLine(
                    line=ObjectId(variant),
                    restock=values[f"{prefix}{variant}"],
                    quantity=values[f"received_{key}_{variant}"],
                )
                for variant in (name.removeprefix(prefix) for name in values if name.startswith(prefix))
            ],
            "refund": self.cleaned_data["refund"],
            "shipping": self.cleaned_data["shipping"],
        }


class ReturnDialogs:
    """Mix into the admin of orders."""

    @dialog(
        button="Approve return",
        icon="check_circle",
        permissions=["manage"],
        title="Approve a return",
        text="The customer is asked to send the items back. Items that were not shipped are refunded at once.",
        form_class=ApproveReturnForm,
    )
    def approve_return(self, request: HttpRequest, form: ApproveReturnForm, order: Order) -> str:
        key = form.cleaned_data["key"]
        if form.cleaned_data.get("refund") and not all(each.has_goods for each in order.returns if each.key == key):
            require_refund_permission(request)
        services.approve_return(order=order, **form.cleaned_data)
        return "The return was approved."

    @dialog(
        button="Reject return",
        icon="block",
        permissions=["manage"],
        title="Reject a return",
        variant=ActionVariant.DANGER,
        form_class=RejectReturnForm,
        dismiss="Keep return",
    )
    def reject_return(self, request: HttpRequest, form: RejectReturnForm, order: Order) -> str:
        services.reject_return(order=order, **form.cleaned_data)
        return "The return was rejected."

    @dialog(
        button="Receive return",
        icon="inventory",
        permissions=["manage"],
        title="Receive or refund a return",
        form_class=ReceiveReturnForm,
    )
    def receive_return(self, request: HttpRequest, form: ReceiveReturnForm, order: Order) -> str:
        if form.cleaned_data["refund"]:
            require_refund_permission(request)
        services.receive_return(order=order, **form.wanted)
        return "The return was received."


def require_refund_permission(request: HttpRequest) -> None:
    if not request.user.has_perm("payments.add_refund"):
        raise PermissionDenied
