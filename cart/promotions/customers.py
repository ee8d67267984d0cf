"""The customer of a promotion: an account, or a guest by e-mail address."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bson import ObjectId
from django.utils.crypto import salted_hmac

from accounts.models import User
from cart import hooks
from cart.promotions.models import Promotion, PromotionUse
from shop.db import documents
from shop.db.documents import Document, Pipeline
from shop.jobs.email_addresses import normalize_email


@dataclass(frozen=True)
class Customer:
    """A guest has no ``user``. ``email`` is set only while an order is placed."""

    user: User | None = None
    email: str = ""

    @property
    def is_proven(self) -> bool:
        """Return whether the account's address is verified."""
        return self.user is not None and self.user.email_verified

    @property
    def known_email(self) -> str:
        """Return the address whose earlier orders and uses count, or "".

        An unverified one counts only when an order is placed: a quote would reveal what its owner bought.
        """
        of_account = self.user.email if self.user and self.is_proven else ""
        return normalize_email(self.email or of_account)

    @property
    def digest(self) -> str:
        """Return a keyed digest of the known address, or ""."""
        email = self.known_email
        return salted_hmac("cart.coupons", email, algorithm="sha256").hexdigest() if email else ""

    @property
    def matches(self) -> list[Document]:
        """Return the conditions, of which one finds a use of the customer."""
        own: list[Document] = [{"user_id": self.user.pk}] if self.user else []
        return [*own, {"email_digest": self.digest}] if self.digest else own


@dataclass
class CustomerFacts:
    """A customer's earlier uses and orders; none for one who is not known."""

    is_proven: bool = False
    uses: dict[ObjectId, int] = field(default_factory=dict)
    has_ordered: bool = False


def facts_of(customer: Customer, promotions: Sequence[Promotion], *, except_order: str = "") -> CustomerFacts:
    """Read what the promotions depend on, by one command if any."""
    limited = [each.pk for each in promotions if each.most_per_customer is not None]
    if not limited or not customer.matches:
        return CustomerFacts(customer.is_proven)
    own = {"coupon_id": {"$in": limited}, "order_number": {"$nin": ["", except_order]}, "$or": customer.matches}
    count: Document = {"$group": {"_id": "$coupon_id", "uses": {"$sum": 1}}}
    pipeline: Pipeline = [
        # Any one document: transactions allow no `$unionWith`.
        {"$match": {"_id": limited[0]}},
        {"$project": {"_id": 1}},
        {"$lookup": {"from": PromotionUse._meta.db_table, "pipeline": [{"$match": own}, count], "as": "counts"}},
    ]
    if any(each.first_order_only for each in promotions):
        pipeline += _earlier_orders(customer)
    rows = documents.aggregate(Promotion, pipeline)
    return CustomerFacts(
        customer.is_proven,
        uses={count["_id"]: count["uses"] for row in rows for count in row["counts"]},
        has_ordered=any(row.get("orders") for row in rows),
    )


def _earlier_orders(customer: Customer) -> Pipeline:
    """Return a stage that adds at most one order."""
    return [
        {
            "$lookup": {
                "from": model._meta.db_table,
                "pipeline": [{"$match": match}, {"$limit": 1}, {"$project": {"_id": 1}}],
                "as": "orders",
            }
        }
        for model, match in hooks.orders_of(user=customer.user, email=customer.known_email)
    ]
