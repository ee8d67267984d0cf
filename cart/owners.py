from dataclasses import dataclass

from bson import ObjectId

from accounts.models import User
from cart.models import Cart, new_token, token_digest
from catalog import offers
from catalog.offers import Offers
from shop.db import documents


@dataclass
class CartOwner:
    """A user, or a guest (``token`` is None before the first change)."""

    user: User | None = None
    token: str | None = None

    @property
    def email(self) -> str:
        """Return "" for a guest, who states it at checkout."""
        return self.user.email if self.user is not None else ""

    @property
    def rate_limit_key(self) -> str:
        """Return "" for a guest without a cart."""
        if self.user is not None:
            return f"user {self.user.pk}"
        return f"cart {token_digest(self.token)}" if self.token else ""

    def find(self, *, variant: ObjectId | None = None, product: ObjectId | None = None) -> tuple[Cart | None, Offers]:
        """Return the cart and the offers of its lines, ``variant`` and ``product``, by one command."""
        pipeline = offers.with_offers([{"$match": self.match}], ids="lines.variant", variant=variant, product=product)
        document, found = offers.split_offers(documents.aggregate(Cart, pipeline))
        return (documents.instance(Cart, document) if document else None), found

    @property
    def match(self) -> documents.Document:
        if self.user is not None:
            return {"user_id": self.user.pk}
        # An empty digest matches no cart.
        return {"token_digest": token_digest(self.token) if self.token else ""}

    def new_cart(self) -> Cart:
        if self.user is not None:
            return Cart(user=self.user)
        self.token = new_token()
        return Cart(token_digest=token_digest(self.token))
