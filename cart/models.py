"""Carts: one document each, optimistically locked by ``revision``."""

import hashlib
import secrets
from datetime import timedelta

from bson import ObjectId
from django.conf import settings
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from cart.promotions.models import Promotion, PromotionUse  # noqa: F401 (registers the models)
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
