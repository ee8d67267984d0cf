from typing import Any

from django.http import HttpRequest

from orders.errors import InvoiceNotIssued
from orders.invoices import issuing
from orders.models import Order
from shop.admin.base import TransactionalModelAdmin
from shop.admin.dialogs import DialogForm, dialog


class InvoiceDialog(TransactionalModelAdmin):
    """A button on an order's page."""

    def action_blocker(self, button: str, order: Any) -> str:
        if button == "invoice":
            return "" if issuing.may_issue(order) else str(InvoiceNotIssued())
        return super().action_blocker(button, order)

    @dialog(
        button="Issue invoice",
        icon="description",
        permissions=["manage"],
        title="Issue an invoice?",
        text="The order was paid without one. It gets the next number and today's date, and refunds get credit notes.",
    )
    def invoice(self, request: HttpRequest, form: DialogForm, order: Order) -> str:
        issuing.issue_on_request(order=order)
        return f"The invoice of order {order.number} was issued."
