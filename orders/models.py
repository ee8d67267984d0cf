"""An order copies all that it shows."""

import secrets
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Self

from bson import ObjectId
from django.conf import settings
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField, EmbeddedModelArrayField, EmbeddedModelField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from accounts.models import validate_country
from accounts.tax_ids import MAX_LENGTH as MAX_TAX_ID_LENGTH
from orders.discounts import OrderDiscount
from orders.events import Event
from orders.fulfilments.models import Fulfilment, add_missing_parcels
from orders.history import Note, TimelineEntry
from orders.invoices.models import Invoice, InvoiceCounter, InvoiceEntry  # noqa: F401 (found by Django here)
from orders.lifecycle import NOTHING_TO_SEND, TRANSITIONS
from orders.lines import OrderLine
from orders.mail_log import OrderMail
from orders.querysets import OrderQuerySet
from orders.refund_entries import DisputeEntry, RefundedLine, RefundEntry  # noqa: F401 (named in migrations)
from orders.reports.models import ChangedDay, DailyTotal  # noqa: F401 (found by Django here)
from orders.returns.models import OrderReturn
from orders.reviews.models import Review  # noqa: F401 (found by Django here)
from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone  # noqa: F401 (found by Django here)
from orders.statuses import PAYABLE_STATUSES, FulfilmentStatus, OrderStatus, PaymentStatus
from orders.tags import LONGEST_TAG
from orders.taxes.models import TaxLine, TaxRate, percentage_field  # noqa: F401 (found by Django here)
from shop.db.fields import TagsField, UpperCodeField
from shop.db.money_fields import money_field
from shop.db.mongodb import EmbeddedIndex

NUMBER_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


# Statuses of refunds that have not failed.
STANDING_REFUNDS = ("pending", "succeeded", "requires_action")


def new_order_number() -> str:
    """Return a random number (``7KQ2M-X94TB``), which reveals neither volume nor date."""
    letters = "".join(secrets.choice(NUMBER_ALPHABET) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


class PostalAddress(EmbeddedModel):
    name = models.CharField(max_length=120)
    company = models.CharField(max_length=120, blank=True, default="")
    tax_id = models.CharField(max_length=MAX_TAX_ID_LENGTH, blank=True, default="")
    line1 = models.CharField(max_length=200)
    line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, validators=[validate_country])
    phone = models.CharField(max_length=30, blank=True)


class Order(models.Model):
    """An order is also the reservation of its stock."""

    number = UpperCodeField(max_length=16, unique=True, default=new_order_number, editable=False)
    # Indexed by "order_user".
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="orders",
        db_index=False,
    )
    # Normalized: of the account when the order was placed, or as stated by a guest; "" once detached.
    email = models.EmailField("e-mail address", blank=True, default="", editable=False)
    status = models.CharField(max_length=20, choices=OrderStatus, default=OrderStatus.PENDING)
    payment_status = models.CharField(max_length=20, choices=PaymentStatus, default=PaymentStatus.UNPAID)
    fulfilment_status = models.CharField(max_length=20, choices=FulfilmentStatus, default=FulfilmentStatus.UNFULFILLED)
    lines = EmbeddedModelArrayField(OrderLine)
    subtotal = money_field()
    discount = money_field()
    # See `orders.discounts.of_order`.
    discounts = EmbeddedModelArrayField(OrderDiscount, default=list, blank=True)
    shipping = money_field()
    tax = money_field()
    # Add up to `tax`; empty in orders of earlier releases.
    tax_lines = EmbeddedModelArrayField(TaxLine, default=list, blank=True)
    total = money_field()
    # Of a paid order that was corrected: the part of `total` that is still to be paid, and the part that was waived
    # (negative: what was refunded because `total` fell).
    amount_due = money_field(default=Decimal(0))
    adjustment = money_field(default=Decimal(0))
    currency = models.CharField(max_length=3)
    prices_include_tax = models.BooleanField(default=False)
    coupon = models.CharField(max_length=40, blank=True)
    shipping_method = models.CharField(max_length=40, blank=True)
    # Null if a pick-up was ordered without it.
    shipping_address = EmbeddedModelField(PostalAddress, null=True)
    # Of a pick-up, copied from its method.
    pickup_address = EmbeddedModelField(PostalAddress, null=True, blank=True)
    # Null in orders of earlier releases, see `billed_to`.
    billing_address = EmbeddedModelField(PostalAddress, null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    carrier = models.CharField(max_length=80, blank=True)
    tracking_number = models.CharField(max_length=120, blank=True)
    # `carrier` and `tracking_number` are those of the latest parcel.
    fulfilments = EmbeddedModelArrayField(Fulfilment, default=list, blank=True)
    all_units_cancelled = models.BooleanField(default=False, editable=False)
    returns = EmbeddedModelArrayField(OrderReturn, default=list, blank=True)
    # See `orders.returns.states`.
    has_open_return = models.BooleanField(default=False, editable=False)
    # For staff only.
    tags = TagsField(models.CharField(max_length=LONGEST_TAG), default=list, blank=True)
    notes = EmbeddedModelArrayField(Note, default=list, blank=True)
    # The latest.
    mails = EmbeddedModelArrayField(OrderMail, default=list, blank=True, editable=False)
    # See `orders.search_words`; empty in orders of earlier releases until `orders.backfill` has written them.
    search_words = ArrayField(models.CharField(max_length=64), default=list, blank=True, editable=False)
    # Denormalized, to read an order with one query.
    payment = ObjectIdField(null=True, blank=True, editable=False)
    refunds = EmbeddedModelArrayField(RefundEntry, default=list, blank=True)
    # Disputes of earlier releases are in the timeline only.
    disputes = EmbeddedModelArrayField(DisputeEntry, default=list, blank=True)
    # Paid since the shop issues invoices, or requested by staff.
    invoice_due = models.BooleanField(default=False, editable=False)
    invoice = EmbeddedModelField(InvoiceEntry, null=True, blank=True, editable=False)
    # Also cancellations of credit notes.
    credit_notes = EmbeddedModelArrayField(InvoiceEntry, default=list, blank=True, editable=False)
    # Needs manual review. Never cleared: `flag_settled` resolves all flags.
    flagged = models.BooleanField(default=False)
    flag_settled = models.BooleanField(default=False)
    timeline = EmbeddedModelArrayField(TimelineEntry, default=list)
    # Completed and not fully refunded.
    counts_as_sale = models.BooleanField(default=False, editable=False)
    # Written so that a review and a concurrent refund conflict.
    reviews_written = models.PositiveIntegerField(default=0, editable=False)
    # A cart revision becomes at most one order.
    cart = ObjectIdField(editable=False)
    cart_revision = models.PositiveBigIntegerField(editable=False)
    # Null once paid or cancelled.
    expires_at = models.DateTimeField(null=True, blank=True)
    # Digest of the network address (IPv6: /48) while it counts in `orders.holds`.
    placed_from = models.CharField(max_length=64, blank=True, editable=False)
    # End of a hold that was not paid.
    expired_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    # Null in orders of earlier releases that have not changed since.
    updated_at = models.DateTimeField(null=True, blank=True, default=timezone.now, editable=False)
    # Kept after refunds; also set if the total is zero.
    paid_at = models.DateTimeField(null=True, blank=True, editable=False)
    # In the shop's time zone.
    paid_on = models.DateField(null=True, blank=True, editable=False)
    # When the account received it; it was placed without one.
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The account was deleted or handed over.
    detached_at = models.DateTimeField(null=True, blank=True, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Set for the reply to a guest.
    token: str

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cart", "cart_revision"], name="one_order_per_cart_revision"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="order_user"),
            models.Index(fields=["email", "-id"], name="order_email"),
            models.Index(fields=["search_words", "-id"], name="order_search_words"),
            # For any combination of statuses, see `orders.listing`.
            models.Index(
                fields=["user", "status", "payment_status", "fulfilment_status", "-id"], name="order_user_statuses"
            ),
            models.Index(fields=["status", "payment_status", "fulfilment_status", "-id"], name="order_statuses"),
            # The same for filters of staff.
            models.Index(
                fields=["email", "status", "payment_status", "fulfilment_status", "-id"], name="order_email_statuses"
            ),
            models.Index(
                fields=["tags", "status", "payment_status", "fulfilment_status", "-id"],
                condition=models.Q(tags__gt=""),
                name="order_tag_statuses",
            ),
            models.Index(fields=["-updated_at"], condition=models.Q(tags__gt=""), name="order_tagged"),
            EmbeddedIndex(
                embedded=["lines.sku"],
                fields=["status", "payment_status", "fulfilment_status", "-id"],
                name="order_sku_statuses",
            ),
            models.Index(
                fields=["status", "payment_status", "fulfilment_status", "updated_at", "id"],
                name="order_updated_statuses",
            ),
            EmbeddedIndex(fields=["user"], embedded=["lines.product"], name="order_user_product"),
            models.Index(fields=["created_at"], name="order_created"),
            EmbeddedIndex(fields=["currency"], embedded=["refunds.created_at"], name="order_refunded", is_partial=True),
            EmbeddedIndex(fields=["currency"], embedded=["disputes.lost_at"], name="order_lost", is_partial=True),
            models.Index(fields=["erased_at", "detached_at"], name="order_erasure"),
            # Covers the sums of sales.
            models.Index(fields=["currency", "paid_on", "paid_at", "total"], name="order_sales"),
            # Partial: of few orders.
            models.Index(
                fields=["status", "expires_at"], condition=models.Q(status=OrderStatus.PENDING), name="order_holds"
            ),
            models.Index(
                fields=["user", "expired_at"], condition=models.Q(placed_from__gt=""), name="order_holds_of_customer"
            ),
            models.Index(
                fields=["placed_from", "expired_at"],
                condition=models.Q(placed_from__gt=""),
                name="order_holds_of_address",
            ),
            models.Index(
                fields=["flagged", "flag_settled", "-id"], condition=models.Q(flagged=True), name="order_flagged"
            ),
            models.Index(
                fields=["has_open_return", "-id"],
                condition=models.Q(has_open_return=True),
                name="order_open_returns",
            ),
            models.Index(fields=["status", "-id"], condition=models.Q(amount_due__gt=0), name="order_amount_due"),
        ]

    def __str__(self) -> str:
        return self.number

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any]) -> Self:  # type: ignore[override] # stubs of a later Django
        order = super().from_db(db, field_names, values)
        if not order.get_deferred_fields():
            add_missing_parcels(order)
        return order

    def allows(self, event: Event) -> bool:
        return TRANSITIONS[event].refusal_of(self) is None

    @property
    def is_of_guest(self) -> bool:
        """Return whether no account has the order, and its address is kept."""
        return self.user_id is None and bool(self.email) and self.detached_at is None

    @property
    def was_placed_by_guest(self) -> bool:
        return self.user_id is None or self.claimed_at is not None

    @property
    def is_payable(self) -> bool:
        return self.status == OrderStatus.PENDING and self.payment_status in PAYABLE_STATUSES

    @property
    def has_amount_due(self) -> bool:
        return self.status == OrderStatus.COMPLETED and self.amount_due > 0

    @property
    def has_nothing_to_send(self) -> bool:
        return any(getattr(self, field) in statuses for field, statuses in NOTHING_TO_SEND.items())

    @property
    def is_expired(self) -> bool:
        """Return whether the hold is over; the order may still be pending."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_disputed(self) -> bool:
        """Return whether a dispute is open or lost."""
        return self.payment_status == PaymentStatus.DISPUTED

    @property
    def billed_to(self) -> PostalAddress | None:
        return self.billing_address or self.shipping_address

    @property
    def has_open_flag(self) -> bool:
        return self.flagged and not self.flag_settled

    @property
    def charged(self) -> Decimal:
        """Return what was received for the order, once it is paid."""
        charged: Decimal = self.total - self.amount_due - self.adjustment
        return charged

    @property
    def quantities(self) -> dict[ObjectId, int]:
        return {line.variant: line.quantity for line in self.lines}

    @property
    def sold_units(self) -> dict[ObjectId, int]:
        """Return units by variant, without those that came back or will not be shipped."""
        return {line.variant: line.sold for line in self.lines if line.sold}

    @property
    def held_units(self) -> dict[ObjectId, int]:
        """Return units by variant that are not in stock: of a cancelled order those that were written off."""
        is_cancelled = self.status == OrderStatus.CANCELLED
        held = {line.variant: line.quantity - line.restocked - is_cancelled * line.sold for line in self.lines}
        return {variant: units for variant, units in held.items() if units}

    @property
    def payment_status_after_refunds(self) -> PaymentStatus:
        refunded = sum((entry.amount for entry in self.refunds if entry.status == "succeeded"), Decimal(0))
        if refunded and refunded >= self.charged:
            return PaymentStatus.REFUNDED
        return PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.PAID

    @property
    def payment_status_without_disputes(self) -> PaymentStatus:
        """Return the status once disputes are won; these may be reported before the payment."""
        if self.paid_at is not None:
            return self.payment_status_after_refunds
        attempts: dict[str, PaymentStatus] = {
            Event.PAYMENT_FAILED: PaymentStatus.FAILED,
            Event.PAYMENT_PROCESSING: PaymentStatus.PROCESSING,
        }
        reported = [attempts[entry.event] for entry in self.timeline if entry.event in attempts]
        return reported[-1] if reported else PaymentStatus.UNPAID

    @property
    def is_valid_purchase(self) -> bool:
        """Return whether it is completed and not fully refunded; disputes do not matter."""
        return self.status == OrderStatus.COMPLETED and self.payment_status_after_refunds != PaymentStatus.REFUNDED

    @property
    def standing_refunds(self) -> list[RefundEntry]:
        """Return refunds that have not failed."""
        return [entry for entry in self.refunds if entry.status in STANDING_REFUNDS]

    @property
    def refunded(self) -> Decimal:
        return sum((entry.amount for entry in self.standing_refunds), Decimal(0))

    @property
    def net_total(self) -> Decimal:
        return self.charged - self.refunded
