from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from bson import ObjectId

from accounts.models import User
from cart.models import Cart, new_token, token_digest
from cart.promotions import reading
from cart.promotions.models import Promotion
from catalog import offers
from catalog.offers import Offers
from shop.db import documents


class FoundCart(NamedTuple):
    cart: Cart | None
    offers: Offers
    # Automatic ones, and that of the cart's code.
    promotions: list[Promotion]


@dataclass
class CartOwner:
    """A user, or a guest (``token`` is None before the first change)."""

    user: User | None = None
    token: str | None = None
    # The cart of the token, which staff fill for the user or a guest.
    is_draft: bool = False
    # Read with the user; :meth:`find` returns it once.
    found: "CartOfUser | None" = field(default=None, repr=False)

    @property
    def rate_limit_key(self) -> str:
        """Return "" for a guest without a cart."""
        if self.user is not None:
            return f"user {self.user.pk}"
        return f"cart {token_digest(self.token)}" if self.token else ""

    def find(self, *, variants: Collection[ObjectId] = (), product: ObjectId | None = None) -> FoundCart:
        """Read the cart, all that its price depends on, and offers of ``variants`` or ``product``, by one command."""
        known, self.found = self.found, None
        if known is not None and known.has_offers_of(variants, product):
            return known.found
        own = [{"$match": self.match}, *reading.lookups()]
        pipeline = offers.with_offers(own, ids="lines.variant", variants=variants, product=product)
        document, offered = offers.split_offers(documents.aggregate(Cart, pipeline))
        if document is None:
            return FoundCart(None, offered, [])
        return FoundCart(
            documents.instance(Cart, document),
            offered,
            reading.promotions_of(document, coupon=document.get("coupon", "")),
        )

    @property
    def match(self) -> documents.Document:
        if self.user is not None and not self.is_draft:
            return {"user_id": self.user.pk}
        # An empty digest matches no cart.
        return {"token_digest": token_digest(self.token) if self.token else ""}

    def new_cart(self) -> Cart:
        if self.user is not None and not self.is_draft:
            return Cart(user=self.user)
        self.token = new_token()
        return Cart(token_digest=token_digest(self.token))


class CartOfUser(NamedTuple):
    """A user and the cart, read by one command: it saves 20 % of a cart change's processor time."""

    user: User
    found: FoundCart
    # See :meth:`CartOwner.find`.
    variants: Collection[ObjectId]
    product: ObjectId | None

    @classmethod
    def read(
        cls, user: ObjectId, *, variants: Collection[ObjectId] = (), product: ObjectId | None = None
    ) -> "CartOfUser | None":
        pipeline = [
            {"$match": {"_id": user}},
            {"$lookup": {"from": Cart._meta.db_table, "localField": "_id", "foreignField": "user_id", "as": "cart"}},
            *reading.lookups(coupon="cart.coupon"),
            *offers.lookups("cart.lines.variant", variants=variants, product=product),
        ]
        rows = documents.aggregate(User, pipeline)
        if not rows:
            return None
        document = rows[0]
        cart = next((documents.instance(Cart, each) for each in document["cart"]), None)
        promotions = reading.promotions_of(document, coupon=cart.coupon if cart else "")
        found = FoundCart(cart, offers.offers_in(document), promotions if cart else [])
        return cls(documents.instance(User, document), found, variants, product)

    def has_offers_of(self, variants: Collection[ObjectId], product: ObjectId | None) -> bool:
        return (not variants and product is None) or (variants, product) == (self.variants, self.product)
