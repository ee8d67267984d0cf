"""Conditions of promotions."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from cart.errors import CouponMinimumNotReached, InvalidCoupon
from cart.pricing import PricedLine
from cart.promotions.customers import Customer, CustomerFacts, facts_of
from cart.promotions.models import Promotion
from catalog.offers import Offer
from shop import money

_UNUSABLE = {
    Promotion.State.INACTIVE: "This coupon does not exist.",
    Promotion.State.SCHEDULED: "This coupon is not valid yet.",
    Promotion.State.EXPIRED: "This coupon has expired.",
    Promotion.State.LIMIT_REACHED: "This coupon has reached its usage limit.",
}


def unusable_reason(promotion: Promotion | None) -> str:
    """Return why no customer can use the promotion now, or ""."""
    return _UNUSABLE.get(promotion.state if promotion else Promotion.State.INACTIVE, "")


def customer_refusal(promotion: Promotion, facts: CustomerFacts) -> str:
    """Return why this customer cannot use the promotion, or ""."""
    if promotion.first_order_only and facts.has_ordered:
        return "This coupon is for a first order."
    most = promotion.most_per_customer
    if most is not None and facts.uses.get(promotion.pk, 0) >= most:
        return "You have reached the usage limit of this coupon."
    return ""


def require_customer_allowed(promotions: Sequence[Promotion], *, customer: Customer, except_order: str) -> None:
    """Raise ``InvalidCoupon`` if a customer whose address is unproven cannot use one of them.

    Carts and quotes know nothing of such a customer.
    """
    if customer.is_proven:
        return
    facts = facts_of(customer, promotions, except_order=except_order)
    for promotion in promotions:
        if reason := customer_refusal(promotion, facts):
            raise InvalidCoupon(reason, attr="code")


def require_usable(promotion: Promotion, *, matching: list[PricedLine], is_cart_empty: bool) -> None:
    """Raise ``InvalidCoupon`` unless the items meet the conditions."""
    subtotal = sum((line.line_total for line in matching), money.ZERO)
    if not matching and not is_cart_empty and promotion.applies_to != Promotion.AppliesTo.EVERYTHING:
        raise InvalidCoupon("This coupon applies to no item of the cart.", attr="code")
    what = "a cart" if promotion.applies_to == Promotion.AppliesTo.EVERYTHING else "items that it applies to"
    if subtotal < promotion.minimum_subtotal:
        minimum = f"This coupon requires {what} of at least {money.display(promotion.minimum_subtotal)}."
        raise CouponMinimumNotReached(minimum, attr="code")
    if sum(line.quantity for line in matching) < promotion.needed_quantity:
        minimum = f"This coupon requires {what} of at least {promotion.needed_quantity} units."
        raise CouponMinimumNotReached(minimum, attr="code")


def matching_lines(promotion: Promotion, lines: Iterable[PricedLine]) -> list[PricedLine]:
    """Return the lines that the promotion applies to, in an order that does not depend on the cart's."""
    found = [line for line in lines if line.is_sellable and _is_target(promotion, line.offer)]
    return sorted(found, key=lambda line: line.offer.variant)


def _is_target(promotion: Promotion, offer: Offer) -> bool:
    if promotion.applies_to == Promotion.AppliesTo.EVERYTHING:
        return True
    wanted = promotion.tags if promotion.applies_to == Promotion.AppliesTo.TAGS else promotion.targets
    return not set(wanted).isdisjoint(_targets_of(offer)[promotion.applies_to])


def _targets_of(offer: Offer) -> dict[str, Collection[Any]]:
    """Return the values of ``targets`` or ``tags`` that match an item, by ``applies_to``."""
    return {
        Promotion.AppliesTo.PRODUCTS: [offer.product],
        Promotion.AppliesTo.CATEGORIES: offer.categories,
        Promotion.AppliesTo.COLLECTIONS: offer.collections,
        Promotion.AppliesTo.TAGS: offer.tags,
    }
