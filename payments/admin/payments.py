from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from payments import refunds
from payments.admin.labels import amount_of, payment_badge, refund_badge
from payments.admin.refund_form import RefundForm
from payments.errors import PaymentDisputed
from payments.models import Payment, Refund, RefundQuerySet
from shop.admin.base import ReadOnlyModelAdmin
from shop.admin.dialogs import dialog, leave_dialog
from shop.admin.html import link, page_url
from shop.admin.lists import CreationDaysFilter, IndexedSearchMixin, OptionsFilter, by_id, in_order, keys_of
from shop.db import identifiers


class RefundInline(TabularInline):
    model = Refund
    fields = readonly_fields = ("created_at", "shown_amount", "status", "reason", "actor", "stripe_refund")
    ordering = ("-pk",)
    hide_title = True
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Payment | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Payment | None = None) -> bool:
        return False

    @display(description="Amount")
    def shown_amount(self, refund: Refund) -> str:
        return amount_of(refund.amount, refund.currency)


WAITING = ("", "requires_payment_method", "requires_confirmation", "requires_action")


class PaymentStateFilter(OptionsFilter):
    title = parameter_name = "state"
    options = {
        "received": ("Received", lambda payments: payments.filter(status="succeeded")),
        "processing": ("Processing", lambda payments: payments.filter(status="processing")),
        "open": ("Waiting for the customer", lambda payments: payments.filter(status__in=WAITING)),
    }


@admin.register(Payment)
class PaymentAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("payment", "created_at", "shown_amount", "received", "refunded", "status_label")
    list_filter = (PaymentStateFilter, ("created_at", CreationDaysFilter))
    search_help_text = "Search order number or PaymentIntent id"
    ordering = ("-pk",)
    sortable_by = ("created_at",)
    inlines = (RefundInline,)
    fields = (
        ("order_link", "status_label"),
        ("shown_amount", "received", "refunded"),
        ("intent", "idempotency_key"),
        ("created_at", "updated_at"),
    )
    readonly_fields = ("order_link", "status_label", "shown_amount", "received", "refunded")
    actions_detail = ("refund",)

    def get_inlines(self, request: HttpRequest, obj: Payment | None) -> tuple:
        return self.inlines if obj and obj.refunds.exists() else ()

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if (found := by_id(queryset, text)) is not None:
            return found
        if text.startswith("pi_"):
            return in_order(queryset, "intent", text)
        return in_order(queryset, "order_number", identifiers.upper_code(text))

    @display(description="Payment", header=True)
    def payment(self, payment: Payment) -> list[str]:
        return [payment.order_number, payment.intent or "no PaymentIntent yet"]

    @display(description="Order")
    def order_link(self, payment: Payment) -> str:
        return link(page_url("orders.order", payment.order_id), payment.order_number)

    @display(description="Amount")
    def shown_amount(self, payment: Payment) -> str:
        return amount_of(payment.amount, payment.currency)

    @display(description="Received")
    def received(self, payment: Payment) -> str:
        return amount_of(payment.amount_received, payment.currency)

    @display(description="Refunded")
    def refunded(self, payment: Payment) -> str:
        return amount_of(payment.amount_refunded, payment.currency)

    @display(description="Status")
    def status_label(self, payment: Payment) -> str:
        return payment_badge(payment)

    def has_refund_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("payments.add_refund")

    def action_blocker(self, button: str, payment: Payment) -> str:
        if payment.order.is_disputed:
            return str(PaymentDisputed())
        return "" if payment.refundable else "This payment has no refundable amount."

    @dialog(
        button="Refund",
        icon="currency_exchange",
        permissions=["refund"],
        title="Refund",
        text="The money is returned to the original payment method. Choose units and shipping, or enter an amount: an "
        "amount changes neither stock nor order.",
        form_class=RefundForm,
    )
    def refund(self, request: HttpRequest, form: RefundForm, payment: Payment) -> HttpResponse | str:
        refund = refunds.refund_payment(payment=payment, **form.wanted)
        shown = amount_of(refund.amount, refund.currency)
        if refund.status in Refund.FAILED:
            refused = f"Stripe refused the refund of {shown}. The order was flagged with the reason."
            self.message_user(request, refused, messages.ERROR)
            return leave_dialog(request, self.change_url(payment.pk))
        is_done = refund.status == Refund.Status.SUCCEEDED
        return f"{shown} was refunded." if is_done else f"The refund of {shown} is pending."


class RefundWorkFilter(OptionsFilter):
    title = parameter_name = "work"
    options = {"failed_lately": ("Failed in the last 30 days", RefundQuerySet.failed_lately)}


@admin.register(Refund)
class RefundAdmin(IndexedSearchMixin, ReadOnlyModelAdmin):
    list_display = ("refund", "created_at", "shown_amount", "status_label", "actor", "reason")
    list_filter = (RefundWorkFilter, ("status", ChoicesDropdownFilter), ("created_at", CreationDaysFilter))
    list_prefetch_related = {"payment": ("order_number",)}
    search_help_text = "Search order number or Stripe refund id"
    ordering = ("-pk",)
    sortable_by = ("created_at",)
    fields = (("payment_link", "status_label"), ("shown_amount", "reason"), ("stripe_refund", "actor"), "created_at")
    readonly_fields = ("payment_link", "status_label", "shown_amount")

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if text.startswith("re_"):
            return queryset.filter(stripe_refund=text)
        payments = keys_of(request, Payment, "order_number", identifiers.upper_code(text))
        return queryset.filter(payment__in=payments)

    @display(description="Refund", header=True)
    def refund(self, refund: Refund) -> list[str]:
        return [refund.payment.order_number, refund.stripe_refund or "not sent to Stripe yet"]

    @display(description="Payment")
    def payment_link(self, refund: Refund) -> str:
        return link(page_url("payments.payment", refund.payment_id), refund.payment)

    @display(description="Amount")
    def shown_amount(self, refund: Refund) -> str:
        return amount_of(refund.amount, refund.currency)

    @display(description="Status")
    def status_label(self, refund: Refund) -> str:
        return refund_badge(refund)
