from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User
from orders.lifecycle import NOTHING_TO_SEND, STATUSES
from orders.statuses import FUNDED_STATUSES, FulfilmentStatus, OrderStatus, PaymentStatus

if TYPE_CHECKING:
    from orders.models import Order  # noqa: F401 (named in a string)


class OrderQuerySet(models.QuerySet["Order"]):
    def update(self, **fields: Any) -> int:
        """Also write ``updated_at``."""
        return super().update(**{"updated_at": timezone.now(), **fields})

    def owned_by(self, user: User | ObjectId) -> "OrderQuerySet":
        return self.filter(user=user)

    def open_to_tokens(self) -> "OrderQuerySet":
        """Exclude detached and erased orders, which have no address."""
        return self.filter(email__gt="", detached_at=None, erased_at=None)

    def of_guests(self) -> "OrderQuerySet":
        """Filter orders without an account that an account may claim."""
        return self.open_to_tokens().filter(user=None)

    def with_statuses(self, **wanted: str) -> "OrderQuerySet":
        """Filter by some of the statuses and any value of the others, so that one index serves all combinations."""
        others = {f"{name}__in": list(known) for name, known in STATUSES.items() if name not in wanted}
        return self.filter(**wanted, **others)

    def due_to_expire(self) -> "OrderQuerySet":
        return self.filter(status=OrderStatus.PENDING, expires_at__lte=timezone.now())

    def unpaid(self) -> "OrderQuerySet":
        return self.filter(status=OrderStatus.PENDING)

    def to_ship(self) -> "OrderQuerySet":
        return self.filter(
            status=OrderStatus.COMPLETED,
            fulfilment_status__in=(FulfilmentStatus.UNFULFILLED, FulfilmentStatus.PARTIALLY_SHIPPED),
            payment_status__in=FUNDED_STATUSES,
            # Orders that the previous release places lack it.
        ).exclude(all_units_cancelled=True)

    def due_for_erasure(self) -> "OrderQuerySet":
        """Filter detached orders with nothing left to send, or past the grace period."""
        latest = timezone.now() - timedelta(days=settings.ERASURE_GRACE_DAYS)
        nothing_to_send = models.Q()
        for field, statuses in NOTHING_TO_SEND.items():
            nothing_to_send |= models.Q(**{f"{field}__in": statuses})
        return self.filter(nothing_to_send | models.Q(detached_at__lte=latest), detached_at__lte=timezone.now()).filter(
            erased_at=None
        )

    def valid_purchases(self) -> "OrderQuerySet":
        """Filter purchases neither cancelled nor fully refunded."""
        return self.filter(counts_as_sale=True)

    def with_open_flag(self) -> "OrderQuerySet":
        return self.filter(flagged=True, flag_settled=False)

    def with_problems(self) -> "OrderQuerySet":
        """Filter orders with an open flag, which failed refunds have too, a dispute that is open or lost, or an amount
        due after a correction."""
        disputed = {**self.any_statuses(), "payment_status__in": [PaymentStatus.DISPUTED]}
        due = models.Q(status=OrderStatus.COMPLETED, amount_due__gt=0)
        return self.filter(models.Q(flagged=True, flag_settled=False) | models.Q(**disputed) | due)

    def shipped(self) -> "OrderQuerySet":
        statuses = [FulfilmentStatus.SHIPPED, FulfilmentStatus.DELIVERED]
        return self.filter(**{**self.any_statuses(), "fulfilment_status__in": statuses})

    @staticmethod
    def any_statuses() -> dict[str, list[str]]:
        return {f"{name}__in": list(known) for name, known in STATUSES.items()}

    def with_open_returns(self) -> "OrderQuerySet":
        """Filter orders with a return that staff have to answer, receive or refund."""
        return self.filter(has_open_return=True)
