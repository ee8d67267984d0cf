"""What a cart costs today."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bson import ObjectId

from cart.models import Cart, CartLine, Coupon
from catalog.models import Product, Variant
from shop import money


@dataclass
class PricedLine:
    """A line with what it stands for and costs now."""

    line: CartLine
    variant: Variant
    product: Product
    discount: Decimal = money.ZERO

    @property
    def quantity(self) -> int:
        return self.line.quantity

    @property
    def unit_price(self) -> Decimal:
        return self.variant.price

    @property
    def line_total(self) -> Decimal:
        """Before the discount."""
        return money.quantize(self.unit_price * self.quantity)

    @property
    def is_available(self) -> bool:
        return self.product.is_active and self.variant.is_active


@dataclass
class PricedCart:
    """Lines and totals. ``coupon`` is set only where it may be used; ``gone`` are lines of deleted variants."""

    lines: list[PricedLine]
    gone: list[CartLine]
    coupon: Coupon | None = None

    @property
    def subtotal(self) -> Decimal:
        return sum((line.line_total for line in self.lines), money.ZERO)

    @property
    def discount(self) -> Decimal:
        return sum((line.discount for line in self.lines), money.ZERO)

    @property
    def total(self) -> Decimal:
        return self.subtotal - self.discount

    def apply(self, coupon: Coupon) -> None:
        """Take the coupon's discount off, spread over the lines by largest remainder."""
        self.coupon = coupon
        if coupon.kind == Coupon.Kind.PERCENTAGE:
            discount = money.round_to_step(self.subtotal * min(coupon.value, Decimal(100)) / 100)
        else:
            discount = min(coupon.value, self.subtotal)
        shares = money.allocate(discount, [line.line_total for line in self.lines])
        for line, share in zip(self.lines, shares, strict=True):
            line.discount = share


def price_lines(cart: Cart) -> PricedCart:
    """Look up what the cart's lines are and cost now: two queries, however many lines there are."""
    if not cart.lines:
        return PricedCart(lines=[], gone=[])
    variants = _by_id(Variant.objects.filter(pk__in=[line.variant for line in cart.lines]))
    products = _by_id(Product.objects.filter(pk__in={variant.product_id for variant in variants.values()}))
    lines, gone = [], []
    for line in cart.lines:
        variant = variants.get(line.variant)
        product = products.get(variant.product_id) if variant else None
        if product is None:
            gone.append(line)
        else:
            lines.append(PricedLine(line=line, variant=variant, product=product))
    return PricedCart(lines=lines, gone=gone)


def _by_id(rows: Sequence) -> dict[ObjectId, Variant | Product]:
    return {row.pk: row for row in rows}
