from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from cart.models import Cart, CartLine, Coupon
from catalog.offers import Offer, Offers, offers_of
from shop import money


@dataclass
class PricedLine:
    line: CartLine
    offer: Offer
    discount: Decimal = money.ZERO

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
        """Return the total before discount."""
        return money.quantize(self.unit_price * self.quantity)


@dataclass
class PricedCart:
    """Totals include sellable lines only; ``unavailable_lines`` are lines of deleted variants."""

    cart: Cart
    lines: list[PricedLine]
    unavailable_lines: list[CartLine]
    coupon: Coupon | None = None

    @property
    def subtotal(self) -> Decimal:
        return sum((line.line_total for line in self.lines if line.is_sellable), money.ZERO)

    @property
    def discount(self) -> Decimal:
        return sum((line.discount for line in self.lines), money.ZERO)

    @property
    def total(self) -> Decimal:
        return self.subtotal - self.discount

    def apply_coupon(self, coupon: Coupon) -> None:
        """Distribute the discount over the lines by largest remainder."""
        self.coupon = coupon
        if coupon.kind == Coupon.Kind.PERCENTAGE:
            discount = money.round_to_step(self.subtotal * min(coupon.value, Decimal(100)) / 100)
        else:
            discount = min(coupon.value, self.subtotal)
        weights = [line.line_total if line.is_sellable else money.ZERO for line in self.lines]
        shares = money.allocate(discount, weights)
        for line, share in zip(self.lines, shares, strict=True):
            line.discount = share


def price_lines(cart: Cart, offers: Offers | None = None) -> PricedCart:
    if offers is None:
        offers = offers_of(line.variant for line in cart.lines)
    priced = PricedCart(cart=cart, lines=[], unavailable_lines=[])
    for line in cart.lines:
        if offer := offers.get(line.variant):
            priced.lines.append(PricedLine(line=line, offer=offer))
        else:
            priced.unavailable_lines.append(line)
    return priced
