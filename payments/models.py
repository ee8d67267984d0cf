"""Amounts are in minor units."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User
from orders.models import Order
from shop.db.creation import created_between


class PaymentQuerySet(models.QuerySet["Payment"]):
    def owned_by(self, user: User) -> "PaymentQuerySet":
        return self.filter(user=user)


class Payment(models.Model):
    """Saved with its key before Stripe is called, so that a retry creates no second PaymentIntent."""

    # Indexed by "one_payment_per_part".
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments", db_index=False)
    # 0 is the order's own amount; others are differences that corrections made due, one after another.
    part = models.PositiveSmallIntegerField(default=0, editable=False)
    # Denormalized.
    order_number = models.CharField(max_length=16)
    # Indexed by "payment_user".
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    idempotency_key = models.CharField(max_length=64)
    # Empty until Stripe has responded.
    intent = models.CharField("PaymentIntent", max_length=255, blank=True)
    client_secret = models.CharField(max_length=255, blank=True, editable=False)
    # Client secret of the latest CustomerSession.
    customer_session = models.CharField(max_length=255, blank=True, default="", editable=False)
    customer_session_until = models.DateTimeField(null=True, blank=True, editable=False)
    status = models.CharField(max_length=40, blank=True)
    amount = models.PositiveBigIntegerField()
    # The PaymentIntent's before corrections of the order; it may have succeeded with one of them.
    former_amounts = models.JSONField(default=list, editable=False)
    # False while Stripe may still have a former amount.
    amount_sent = models.BooleanField(default=True, editable=False)
    currency = models.CharField(max_length=3)
    # `amount_refunded` includes pending refunds.
    amount_received = models.PositiveBigIntegerField(default=0)
    amount_refunded = models.PositiveBigIntegerField(default=0)
    # Charge ids of the latest failed attempts.
    declined = models.JSONField(default=list, editable=False)
    declines = models.PositiveIntegerField(default=0, editable=False)
    last_declined_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The order was placed without an account, so failures do not count against the one that claims it.
    by_guest = models.BooleanField(default=False, editable=False)
    # Digest of the network address while it counts in `payments.declines`.
    opened_from = models.CharField(max_length=64, blank=True, editable=False)
    # Incremented by changes from Stripe, to detect stale responses.
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "part"], name="one_payment_per_part")]
        indexes = [
            models.Index(fields=["user", "-id"], name="payment_user"),
            models.Index(fields=["intent"], name="payment_intent"),
            models.Index(fields=["order_number"], name="payment_order_number"),
            models.Index(fields=["created_at"], name="payment_created"),
            models.Index(fields=["status", "-id"], name="payment_status"),
            models.Index(
                fields=["user", "last_declined_at"], condition=models.Q(declines__gt=0), name="payment_user_declines"
            ),
            models.Index(
                fields=["opened_from", "last_declined_at"],
                condition=models.Q(opened_from__gt=""),
                name="payment_network_declines",
            ),
        ]

    def __str__(self) -> str:
        return self.intent or f"payment of {self.order_number}"

    @property
    def is_final(self) -> bool:
        return self.status in ("succeeded", "canceled")

    @property
    def refundable(self) -> int:
        return max(0, self.amount_received - self.amount_refunded)


class RefundQuerySet(models.QuerySet["Refund"]):
    def failed_lately(self) -> "RefundQuerySet":
        since = timezone.now() - timedelta(days=30)
        return self.filter(created_between(since), status__in=Refund.FAILED, created_at__gte=since)


class Refund(models.Model):
    """The amount is reserved before Stripe is called."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        REQUIRES_ACTION = "requires_action", "Requires action"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELED = "canceled", "Canceled"

    FAILED = (Status.FAILED, Status.CANCELED)

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = models.PositiveBigIntegerField()
    # Denormalized for aggregation.
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    # Empty for a refund made in Stripe's dashboard.
    idempotency_key = models.CharField(max_length=64, blank=True)
    # Null until Stripe has responded.
    stripe_refund = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    # `stripe` means Stripe's dashboard.
    actor = models.CharField(max_length=10)
    created_at = models.DateTimeField(default=timezone.now)

    objects = RefundQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stripe_refund"], name="one_row_per_stripe_refund")]
        indexes = [
            models.Index(fields=["status", "-id"], name="refund_latest"),
            # Covers the sums of refunds.
            models.Index(fields=["currency", "created_at", "status", "amount"], name="refund_sums"),
        ]

    def __str__(self) -> str:
        return self.stripe_refund or f"refund of {self.payment_id}"


class StripeCustomer(models.Model):
    """An account's Customer at Stripe. The row is saved before Stripe is called."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # Empty until Stripe has responded.
    customer = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "Stripe customer"
        indexes = [models.Index(fields=["customer"], name="stripe_customer")]

    def __str__(self) -> str:
        return self.customer or f"customer of {self.user_id}"


class StripeEvent(models.Model):
    """``payload`` is the part that `payments.event_payload` allows."""

    class Status(models.TextChoices):
        RECEIVED = "received", "Received"
        APPLIED = "applied", "Applied"
        IGNORED = "ignored", "Ignored"
        FLAGGED = "flagged", "Flagged"
        FAILED = "failed", "Failed"

    id = models.CharField(max_length=255, primary_key=True, db_column="_id")
    type = models.CharField(max_length=100)
    payload = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.RECEIVED)
    detail = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(help_text="When it happened at Stripe.")
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "Stripe event"
        indexes = [
            models.Index(fields=["status", "retry_at"], name="event_retry"),
            models.Index(fields=["-received_at", "-id"], name="event_latest"),
            models.Index(fields=["status", "-received_at", "-id"], name="event_status"),
            models.Index(fields=["type", "-received_at", "-id"], name="event_latest_of_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
