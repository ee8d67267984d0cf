from collections.abc import Collection
from dataclasses import dataclass
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

    @property
    def rate_limit_key(self) -> str:
        """Return "" for a guest without a cart."""
        if self.user is not None:
            return f"user {self.user.pk}"
        return f"cart {token_digest(self.token)}" if self.token else ""

    def find(self, *, variants: Collection[ObjectId] = (), product: ObjectId | None = None) -> FoundCart:
        """Read the cart, all that its price depends on, and offers of ``variants`` or ``product``, by one command."""
        own = [{"$match": self.match}, *reading.lookups()]
        pipeline = offers.with_offers(own, ids="lines.variant", variants=variants, product=product)
        document, offered = offers.split_offers(documents.aggregate(Cart, pipeline))
        if document is None:
            return FoundCart(None, offered, [])
        return FoundCart(documents.instance(Cart, document), offered, reading.promotions_of(document))

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
