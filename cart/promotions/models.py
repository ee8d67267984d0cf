from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField, ObjectIdField

from cart.revisions import PROMOTIONS, Revised, RevisedQuerySet
from catalog.tags import LONGEST_TAG, validate_tags
from shop import money
from shop.db.fields import TagsField, UpperCodeField
from shop.db.money_fields import money_field

MAX_PRIORITY = 1000
# Before any reservation, for the partial index of reservations.
FIRST_RESERVATION = datetime(2000, 1, 1, tzinfo=UTC)


class PromotionQuerySet(RevisedQuerySet["Promotion"]):
    pass


class Promotion(Revised):
    """A discount that applies by itself (``automatic``), or to carts with its code: a coupon.

    The highest priority applies first. One that is not combinable applies only if it is the first, and then excludes
    all others.
    """

    class Kind(models.TextChoices):
        PERCENTAGE = "percentage", "Percentage"
        FIXED = "fixed", "Fixed amount"
        FREE_SHIPPING = "free_shipping", "Free shipping"
        BUY_X_GET_Y = "buy_x_get_y", "Buy X, get Y"

    class AppliesTo(models.TextChoices):
        EVERYTHING = "everything", "Everything"
        PRODUCTS = "products", "Products"
        CATEGORIES = "categories", "Categories, with their subcategories"
        COLLECTIONS = "collections", "Collections"
        TAGS = "tags", "Tags"

    class State(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"
        SCHEDULED = "scheduled"
        EXPIRED = "expired"
        LIMIT_REACHED = "limit reached"

    name = models.CharField(
        max_length=120, blank=True, default="", help_text="Shown to shoppers. Leave empty to show the code."
    )
    # That of an automatic promotion is not used: see `shown_code`.
    code = UpperCodeField(max_length=40, unique=True, help_text="Not case-sensitive.")
    automatic = models.BooleanField(default=False, help_text="Applies to every cart that meets its conditions.")
    kind = models.CharField("type", max_length=20, choices=Kind)
    # A percentage or an amount, by `kind`.
    value = money_field(default=Decimal(0))
    buy_quantity = models.PositiveIntegerField(
        "buy", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    get_quantity = models.PositiveIntegerField(
        "get", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    applies_to = models.CharField(max_length=20, choices=AppliesTo, default=AppliesTo.EVERYTHING)
    # Ids of products, categories or collections, by `applies_to`.
    targets = ArrayField(ObjectIdField(), default=list, blank=True, editable=False)
    tags = TagsField(models.CharField(max_length=LONGEST_TAG), default=list, blank=True, validators=[validate_tags])
    minimum_subtotal = money_field(
        default=Decimal(0), help_text="Of the items that the promotion applies to, before discounts."
    )
    minimum_quantity = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(100_000)],
        help_text="Units of the items that the promotion applies to.",
    )
    first_order_only = models.BooleanField(
        default=False, help_text="For customers without an earlier order, by account or e-mail address."
    )
    valid_from = models.DateTimeField("starts", null=True, blank=True)
    valid_until = models.DateTimeField("ends", null=True, blank=True)
    usage_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Total uses. Leave empty for unlimited.")
    usage_limit_per_customer = models.PositiveIntegerField(
        null=True,
        blank=True,
        # Its name in earlier releases.
        db_column="usage_limit_per_user",
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="By account or e-mail address.",
    )
    priority = models.IntegerField(
        default=0,
        validators=[MinValueValidator(-MAX_PRIORITY), MaxValueValidator(MAX_PRIORITY)],
        help_text="The highest applies first.",
    )
    combinable = models.BooleanField(
        default=True, help_text="If not, it applies only if it comes first, and then excludes all others."
    )
    # Number of its `PromotionUse` rows, changed by `cart.promotions.uses` only.
    used = models.PositiveIntegerField(default=0, editable=False)
    is_active = models.BooleanField("active", default=True)
    revised_as = PROMOTIONS
    # Uses that are left in rows without an order; set by `cart.promotions.reading` and `services.set_free_uses`.
    has_free_use = False
    free_uses = 0

    objects = PromotionQuerySet.as_manager()

    class Meta:
        # Its name in earlier releases.
        db_table = "cart_coupon"
        indexes = [
            models.Index(fields=["is_active", "kind", "-id"], name="coupon_states"),
            # Partial: of few.
            models.Index(fields=["is_active"], condition=models.Q(automatic=True), name="promotion_automatic"),
        ]

    def __str__(self) -> str:
        return self.label

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.automatic and not self.code:
            # The unique index needs a value.
            self.code = str(ObjectId())
        super().save(*args, **kwargs)

    @property
    def shown_code(self) -> str:
        return "" if self.automatic else self.code

    @property
    def shown_value(self) -> str:
        """Return a percentage without trailing zeros, or an amount, by ``kind``."""
        is_percentage = self.kind in (self.Kind.PERCENTAGE, self.Kind.BUY_X_GET_Y)
        return f"{self.value.normalize():f}" if is_percentage else money.display(self.value)

    @property
    def times_used(self) -> int:
        """Return the number of orders with it, if ``free_uses`` is set."""
        return max(0, self.used - self.free_uses)

    @property
    def label(self) -> str:
        return self.name or self.shown_code or self.get_kind_display()

    @property
    def state(self) -> State:
        now = timezone.now()
        if not self.is_active:
            return self.State.INACTIVE
        if self.valid_from and now < self.valid_from:
            return self.State.SCHEDULED
        if self.valid_until and now >= self.valid_until:
            return self.State.EXPIRED
        if self.usage_limit is not None and self.used >= self.usage_limit and not self.has_free_use:
            return self.State.LIMIT_REACHED
        return self.State.ACTIVE

    @property
    def needed_quantity(self) -> int:
        """Return the units of matching items without which nothing is discounted."""
        if self.kind == self.Kind.BUY_X_GET_Y:
            return max(self.minimum_quantity, (self.buy_quantity or 1) + (self.get_quantity or 1))
        return self.minimum_quantity

    @property
    def most_per_customer(self) -> int | None:
        """Return the limit per customer: a first order can only be one."""
        return 1 if self.first_order_only else self.usage_limit_per_customer


class PromotionUseQuerySet(models.QuerySet["PromotionUse"]):
    def taken(self) -> "PromotionUseQuerySet":
        """Filter those of orders, placed or about to be."""
        return self.exclude(order_number="")


class PromotionUse(models.Model):
    """A use of a promotion by an order; reserved while that is placed, without an order number if it is free."""

    # Indexed by "promotion_use_free".
    promotion = models.ForeignKey(
        Promotion, on_delete=models.CASCADE, related_name="uses", db_column="coupon_id", db_index=False
    )
    # Indexed by "coupon_use_user".
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # Empty if it is free.
    order_number = models.CharField(max_length=32, blank=True)
    # Keyed digest of the e-mail address.
    email_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    # Counts the customer's uses from 0; None without a limit per customer.
    number = models.PositiveIntegerField(null=True, editable=False)
    # When it was reserved; None once the order is placed, or while it is free.
    reserved_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = PromotionUseQuerySet.as_manager()

    class Meta:
        # Its name in earlier releases.
        db_table = "cart_couponuse"
        constraints = [
            # One of a customer's concurrent orders gets each number, so that the limit holds.
            models.UniqueConstraint(
                fields=["email_digest", "promotion", "number"],
                condition=models.Q(number__gte=0),
                name="one_coupon_use_per_number",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="coupon_use_user"),
            models.Index(fields=["order_number"], name="coupon_use_order"),
            models.Index(fields=["promotion", "order_number"], name="promotion_use_free"),
            models.Index(
                fields=["email_digest", "promotion"], condition=models.Q(email_digest__gt=""), name="coupon_use_email"
            ),
            models.Index(
                fields=["reserved_at"],
                condition=models.Q(reserved_at__gte=FIRST_RESERVATION),
                name="promotion_use_reserved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.promotion_id} for {self.order_number}"
