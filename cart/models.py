"""Carts (one document each, optimistically locked by ``revision``) and coupons."""

import hashlib
import secrets
from datetime import timedelta
from decimal import Decimal

from bson import ObjectId
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from shop.db.fields import UpperCodeField
from shop.db.money_fields import money_field
from shop.db.mongodb import TTLIndex


class CartLine(EmbeddedModel):
    """``unit_price`` is the price when the line was added."""

    key = ObjectIdField(default=ObjectId)
    variant = ObjectIdField()
    quantity = models.PositiveIntegerField()
    unit_price = money_field()


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# Since the last change. Carts of customers are kept: there is one each.
GUEST_CART_LIFETIME = timedelta(days=30)


class Cart(models.Model):
    """Either ``user`` or, for a guest, ``token_digest`` is set."""

    # Indexed by "one_cart_per_user".
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="carts", db_index=False
    )
    token_digest = models.CharField(max_length=64, null=True, blank=True, editable=False)  # noqa: DJ001
    lines = EmbeddedModelArrayField(CartLine, default=list, blank=True)
    coupon = models.CharField(max_length=40, blank=True)
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], name="one_cart_per_user"),
            models.UniqueConstraint(fields=["token_digest"], name="one_cart_per_token"),
        ]
        indexes = [
            models.Index(fields=["updated_at", "id"], name="cart_latest"),
            TTLIndex(
                fields=["updated_at"],
                condition=models.Q(token_digest__gte=""),
                seconds=int(GUEST_CART_LIFETIME.total_seconds()),
                name="guest_cart_expiry",
            ),
        ]

    def __str__(self) -> str:
        return f"cart of {self.user.email if self.user else 'a guest'}"


class Coupon(models.Model):
    class Kind(models.TextChoices):
        PERCENTAGE = "percentage", "Percentage"
        FIXED = "fixed", "Fixed amount"

    class State(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"
        SCHEDULED = "scheduled"
        EXPIRED = "expired"
        LIMIT_REACHED = "limit reached"

    code = UpperCodeField(max_length=40, unique=True, help_text="Not case-sensitive.")
    kind = models.CharField("type", max_length=10, choices=Kind)
    # A percentage or an amount, by `kind`.
    value = money_field()
    minimum_subtotal = money_field(default=Decimal(0))
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    usage_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Total uses. Leave empty for unlimited.")
    usage_limit_per_user = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    # Changed by `cart.coupons` only.
    used = models.PositiveIntegerField(default=0, editable=False)
    is_active = models.BooleanField("active", default=True)

    class Meta:
        indexes = [models.Index(fields=["is_active", "kind", "-id"], name="coupon_states")]

    def __str__(self) -> str:
        return self.code

    @property
    def state(self) -> State:
        now = timezone.now()
        if not self.is_active:
            return self.State.INACTIVE
        if self.valid_from and now < self.valid_from:
            return self.State.SCHEDULED
        if self.valid_until and now >= self.valid_until:
            return self.State.EXPIRED
        if self.usage_limit is not None and self.used >= self.usage_limit:
            return self.State.LIMIT_REACHED
        return self.State.ACTIVE

    def clean(self) -> None:
        super().clean()
        if self.usage_limit is not None and self.usage_limit < self.used:
            used = f"It was already used {self.used} times. Deactivate the coupon to end it now."
            raise ValidationError({"usage_limit": used})


class CouponUse(models.Model):
    """Deleted when the order is cancelled."""

    coupon = models.ForeignKey(Coupon, on_delete=models.CASCADE, related_name="uses")
    # Indexed by "coupon_use_user".
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # Keyed digest of the customer's address, in `cart.coupons`; "" once the order is erased.
    email_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    # Of a guest's use of a coupon with a limit per customer, from 0.
    number = models.PositiveIntegerField(null=True, editable=False)
    order_number = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Of two concurrent guests with the same address, the second conflicts and is retried.
            models.UniqueConstraint(
                fields=["email_digest", "coupon", "number"],
                condition=models.Q(number__gte=0),
                name="one_coupon_use_per_number",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="coupon_use_user"),
            models.Index(
                fields=["email_digest", "coupon"], condition=models.Q(email_digest__gt=""), name="coupon_use_email"
            ),
            models.Index(fields=["order_number"], name="coupon_use_order"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon_id} for {self.order_number}"
