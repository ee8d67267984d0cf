from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from bson import ObjectId

from cart.errors import InvalidCoupon
from cart.models import Cart, CartLine
from cart.promotions.models import Promotion
from catalog.offers import Offer, Offers, offers_of
from shop import money


@dataclass
class PricedLine:
    line: CartLine
    offer: Offer
    # Amounts by promotion.
    discounts: dict[ObjectId, Decimal] = field(default_factory=dict)

    @property
    def quantity(self) -> int:
        return self.line.quantity

    @property
    def unit_price(self) -> Decimal:
        return self.offer.price

    @property
    def is_sellable(self) -> bool:
        return self.offer.is_active and self.offer.covers(self.quantity)

    @cached_property
    def line_total(self) -> Decimal:
        """Return the total before discounts."""
        return money.quantize(self.unit_price * self.quantity)

    @property
    def discount(self) -> Decimal:
        return sum(self.discounts.values(), money.ZERO)

    @property
    def discounted_total(self) -> Decimal:
        return self.line_total - self.discount


@dataclass
class PricedCart:
    """Totals include sellable lines only; ``unavailable_lines`` are lines of deleted variants."""

    cart: Cart
    lines: list[PricedLine]
    unavailable_lines: list[CartLine]
    # Set by `cart.promotions.pricing`, in the order in which they apply.
    promotions: list[Promotion] = field(default_factory=list)
    # Why the cart's coupon does not apply.
    coupon_error: InvalidCoupon | None = None

    @property
    def subtotal(self) -> Decimal:
        return sum((line.line_total for line in self.lines if line.is_sellable), money.ZERO)

    @property
    def discount(self) -> Decimal:
        return sum((line.discount for line in self.lines), money.ZERO)

    @property
    def total(self) -> Decimal:
        return self.subtotal - self.discount

    @property
    def coupon(self) -> Promotion | None:
        """Return the promotion of the cart's code, if it applies."""
        return next((promotion for promotion in self.promotions if not promotion.automatic), None)

    @property
    def has_free_shipping(self) -> bool:
        return any(promotion.kind == Promotion.Kind.FREE_SHIPPING for promotion in self.promotions)

    def amount_of(self, promotion: Promotion) -> Decimal:
        return sum((line.discounts.get(promotion.pk, money.ZERO) for line in self.lines), money.ZERO)


def price_lines(cart: Cart, offers: Offers | None = None) -> PricedCart:
    """Return the cart without promotions."""
    if offers is None:
        offers = offers_of(line.variant for line in cart.lines)
    priced = PricedCart(cart=cart, lines=[], unavailable_lines=[])
    for line in cart.lines:
        if offer := offers.get(line.variant):
            priced.lines.append(PricedLine(line=line, offer=offer))
        else:
            priced.unavailable_lines.append(line)
    return priced
