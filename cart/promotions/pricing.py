"""Discounts of promotions on the lines of a cart."""

from collections.abc import Sequence
from decimal import Decimal

from django.conf import settings

from cart.errors import InvalidCoupon
from cart.pricing import PricedCart, PricedLine
from cart.promotions.customers import CustomerFacts
from cart.promotions.matching import customer_refusal, matching_lines, require_usable, unusable_reason
from cart.promotions.models import Promotion
from shop import money


def apply(priced: PricedCart, promotions: Sequence[Promotion], *, facts: CustomerFacts) -> None:
    """Apply the automatic promotions and that of the cart's code; record why the latter does not apply.

    The highest priority comes first; of equal ones that with a code, then the oldest. One that is not combinable
    applies only if it comes first, and excludes all others. Each takes its part of what the earlier ones left.
    """
    ordered = sorted(promotions, key=lambda each: (-each.priority, each.automatic, each.pk))
    for promotion in ordered:
        try:
            _apply(priced, promotion, facts=facts)
        except InvalidCoupon as error:
            if not promotion.automatic:
                priced.coupon_error = error
    if priced.cart.coupon and not priced.coupon and priced.coupon_error is None:
        priced.coupon_error = InvalidCoupon(unusable_reason(None), attr="code")


def _apply(priced: PricedCart, promotion: Promotion, *, facts: CustomerFacts) -> None:
    """Raise ``InvalidCoupon`` if a condition is not met."""
    if reason := unusable_reason(promotion):
        raise InvalidCoupon(reason, attr="code")
    if promotion.automatic and promotion.most_per_customer is not None and not facts.is_proven:
        # Whether the customer may use it is known at checkout only, which might have to refuse what the cart shows.
        return
    matching = matching_lines(promotion, priced.lines)
    require_usable(promotion, matching=matching, is_cart_empty=not priced.lines)
    if reason := customer_refusal(promotion, facts):
        raise InvalidCoupon(reason, attr="code")
    discounts = discounts_of(promotion, matching)
    has_effect = bool(matching) and (any(discounts) or promotion.kind == Promotion.Kind.FREE_SHIPPING)
    if promotion.automatic and not has_effect:
        return
    if (first := next(iter(priced.promotions), None)) and not (first.combinable and promotion.combinable):
        raise InvalidCoupon(f"This coupon cannot be combined with “{first.label}”.", attr="code")
    for line, amount in zip(matching, discounts, strict=True):
        line.discounts[promotion.pk] = amount
    priced.promotions.append(promotion)


def discounts_of(promotion: Promotion, lines: Sequence[PricedLine]) -> list[Decimal]:
    """Return the amount per line, at most what earlier promotions left of it."""
    left = [line.discounted_total for line in lines]
    total = sum(left, money.ZERO)
    if promotion.kind == Promotion.Kind.PERCENTAGE:
        return money.allocate(money.round_to_step(total * _percentage(promotion) / 100), left)
    if promotion.kind == Promotion.Kind.FIXED:
        return money.allocate(min(promotion.value, total), left)
    if promotion.kind == Promotion.Kind.BUY_X_GET_Y:
        weights = [
            amount * units * _percentage(promotion) / (100 * line.quantity)
            for line, amount, units in zip(lines, left, _discounted_units(promotion, lines), strict=True)
        ]
        return _spread(money.round_to_step(sum(weights, money.ZERO)), weights, at_most=left)
    return [money.ZERO for _ in lines]


def _percentage(promotion: Promotion) -> Decimal:
    value: Decimal = promotion.value
    return min(value, Decimal(100))


def _discounted_units(promotion: Promotion, lines: Sequence[PricedLine]) -> list[int]:
    """Return the cheapest units of all groups of X + Y, per line."""
    bought, discounted = promotion.buy_quantity or 1, promotion.get_quantity or 1
    remaining = sum(line.quantity for line in lines) // (bought + discounted) * discounted
    units = [0] * len(lines)
    for i in sorted(range(len(lines)), key=lambda i: (lines[i].unit_price, i)):
        units[i] = min(lines[i].quantity, remaining)
        remaining -= units[i]
    return units


def _spread(amount: Decimal, weights: Sequence[Decimal], *, at_most: Sequence[Decimal]) -> list[Decimal]:
    """Split by largest remainder; what a line has no room for goes to the next ones."""
    parts = money.allocate(amount, weights)
    step = money.smallest_step(settings.CURRENCY)
    excess = money.ZERO
    for i, most in enumerate(at_most):
        excess += max(parts[i] - most, money.ZERO)
        parts[i] = min(parts[i], most)
    for i, most in enumerate(at_most):
        moved = min(excess, (most - parts[i]) // step * step) if weights[i] else money.ZERO
        parts[i] += moved
        excess -= moved
    return parts
