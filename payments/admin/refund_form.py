"""The dialog of a refund: units and shipping, or an amount."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from orders.amounts import paid_for, paid_for_shipping, refunded_for, refunded_for_shipping, refunded_units
from orders.models import OrderLine
from orders.refunds import Units
from orders.statuses import OrderStatus
from payments.admin.labels import amount_of
from payments.currencies import from_minor_units, to_minor_units
from payments.models import Payment
from shop import money
from shop.admin.dialogs import DialogForm
from shop.admin.fields import MoneyFormField
from shop.admin.forms_in_pages import KeyField
from shop.admin.html import price


class RefundForm(DialogForm):
    """``refunds.js`` shows the sum of units and shipping as the amount."""

    # A dialog that is sent twice refunds once.
    key = KeyField(initial=ObjectId)
    reason = forms.CharField(max_length=300, required=False, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, obj: Payment, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        self.order = obj.order
        reason = self.fields.pop("reason")
        if self.order.status != OrderStatus.CANCELLED:
            self._add_lines()
            self._add_shipping()
        self.fields["amount"] = MoneyFormField(
            currency=obj.currency,
            required=False,
            min_value=money.smallest_step(obj.currency),
            label=f"Amount in {obj.currency.upper()}",
            initial=from_minor_units(obj.refundable, obj.currency),
            help_text=f"{amount_of(obj.refundable, obj.currency)} can be refunded.",
        )
        step, places = money.smallest_step(obj.currency), money.decimal_places(obj.currency)
        self.fields["amount"].widget.attrs |= {"data-step": step, "data-places": places}
        self.fields["reason"] = reason

    def _add_lines(self) -> None:
        refunded = refunded_units(self.order)
        for line in self.order.lines:
            left = line.quantity - refunded[line.variant]
            if not left:
                continue
            options = ", ".join(map(str, line.options.values()))
            self.fields[f"units_{line.variant}"] = forms.IntegerField(
                label=f"{line.name} ({options})" if options else line.name,
                min_value=0,
                max_value=left,
                initial=0,
                required=False,
                widget=UnfoldAdminIntegerFieldWidget(
                    attrs={
                        "data-paid": self._steps(paid_for(self.order, line)),
                        "data-ordered": line.quantity,
                        "data-refunded": self._steps(refunded_for(self.order, line.variant)),
                        "data-refunded-units": refunded[line.variant],
                    }
                ),
                help_text=f"Units, at most {left}. {self._sent(line)}",
            )
            self.fields[f"restock_{line.variant}"] = forms.BooleanField(
                label="Put back into stock", required=False, widget=UnfoldBooleanWidget
            )

    def _sent(self, line: OrderLine) -> str:
        return f"{line.unfulfilled} are not shipped: they are cancelled first." if line.unfulfilled else ""

    def _add_shipping(self) -> None:
        left = paid_for_shipping(self.order) - refunded_for_shipping(self.order)
        if left:
            self.fields["shipping"] = forms.BooleanField(
                label=f"Shipping, {price(left, self.order.currency)}",
                required=False,
                widget=UnfoldBooleanWidget(attrs={"data-whole": self._steps(left)}),
            )

    def _steps(self, amount: Decimal) -> int:
        return int(amount / money.smallest_step(self.order.currency))

    def clean_amount(self) -> Decimal | None:
        """Units and shipping have their own amount."""
        amount: Decimal | None = self.cleaned_data["amount"]
        if any(self._units()) or self.cleaned_data.get("shipping"):
            return None
        if amount is None:
            raise forms.ValidationError("Enter an amount, or choose units or shipping.", code="required")
        if to_minor_units(amount, self.obj.currency) > self.obj.refundable:
            raise forms.ValidationError("This exceeds the refundable amount.", code="max_value")
        return amount

    def _units(self) -> Iterator[Units]:
        for line in self.order.lines:
            if quantity := self.cleaned_data.get(f"units_{line.variant}"):
                restock = self.cleaned_data.get(f"restock_{line.variant}", False)
                yield Units(line=line.variant, quantity=quantity, restock=restock)

    @property
    def wanted(self) -> dict[str, Any]:
        """Return the arguments of `payments.refunds.refund_payment`."""
        return {
            "amount": self.cleaned_data["amount"],
            "lines": list(self._units()),
            "shipping": self.cleaned_data.get("shipping", False),
            "reason": self.cleaned_data["reason"],
            "key": self.cleaned_data["key"],
        }
