"""Random carts and promotions, priced by the shop and by a reference in whole numbers and fractions."""

import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from bson import ObjectId

from cart.models import Cart, CartLine
from cart.pricing import PricedCart, PricedLine
from cart.promotions.customers import CustomerFacts
from cart.promotions.models import Promotion
from cart.promotions.pricing import apply
from catalog.offers import Offer
from shop import money

PRODUCTS = [ObjectId() for _ in range(5)]
KINDS = ["percentage", "fixed", "buy_x_get_y", "free_shipping"]


def random_offers(rng: random.Random, step: Decimal) -> list[tuple[Offer, int]]:
    """Return offers, some at the same price, with the quantity in the cart."""
    prices = [step * rng.choice([0, 1, 3, 999, 1000, 12_345]) for _ in range(3)]
    fields = {name: "" for name in Offer.__dataclass_fields__ if name not in ("variant", "product", "price", "stock")}
    fields |= {
        "is_active": True,
        "options": {},
        "categories": (),
        "collections": (),
        "tags": (),
        "stock_policy": "deny",
        "backorder_limit": None,
    }
    return [
        (
            Offer(**{**fields, "variant": ObjectId(), "product": product, "price": rng.choice(prices), "stock": 99}),
            rng.randint(1, 5),
        )
        for product in rng.sample(PRODUCTS, rng.randint(1, 5))
    ]


def random_promotion(rng: random.Random, step: Decimal) -> Promotion:
    kind = rng.choice(KINDS)
    value = (
        step * rng.choice([1, 500, 99_999]) if kind == "fixed" else Decimal(rng.choice(["10", "33.333", "50", "100"]))
    )
    return Promotion(
        pk=ObjectId(),
        name=kind,
        automatic=True,
        kind=kind,
        value=value,
        buy_quantity=rng.randint(1, 2),
        get_quantity=rng.randint(1, 2),
        applies_to=rng.choice(["everything", "products"]),
        targets=rng.sample(PRODUCTS, 2),
        minimum_quantity=rng.choice([0, 0, 4]),
        priority=rng.randint(0, 2),
        combinable=rng.random() < 0.8,
    )


def priced(offers: list[tuple[Offer, int]], promotions: list[Promotion]) -> PricedCart:
    lines = [
        PricedLine(line=CartLine(variant=offer.variant, quantity=quantity, unit_price=offer.price), offer=offer)
        for offer, quantity in offers
    ]
    cart = PricedCart(cart=Cart(), lines=lines, unavailable_lines=[])
    apply(cart, promotions, facts=CustomerFacts())
    return cart


def reference(offers: list[tuple[Offer, int]], promotions: list[Promotion], step: Decimal) -> dict[Any, dict[Any, int]]:
    """Return the steps that each promotion takes, by promotion and variant."""
    units = {offer.variant: [int(offer.price / step)] * quantity for offer, quantity in offers}
    product = {offer.variant: offer.product for offer, _ in offers}
    left = {variant: sum(prices) for variant, prices in units.items()}
    found: dict[Any, dict[Any, int]] = {}
    first: Promotion | None = None
    for each in sorted(promotions, key=lambda promotion: (-promotion.priority, promotion.pk)):
        mine = sorted(v for v in units if each.applies_to == "everything" or product[v] in each.targets)
        group = (each.buy_quantity or 0) + (each.get_quantity or 0)
        pieces = sorted((price, variant) for variant in mine for price in units[variant])
        needed = max(each.minimum_quantity, group if each.kind == "buy_x_get_y" else 0)
        if not pieces or len(pieces) < needed or (first and not (first.combinable and each.combinable)):
            continue
        share = Fraction(each.value) / 100
        weights = {variant: Fraction(left[variant]) for variant in mine}
        if each.kind == "percentage":
            amount = sum(weights.values()) * share
        elif each.kind == "fixed":
            amount = min(Fraction(each.value) / Fraction(step), sum(weights.values()))
        elif each.kind == "buy_x_get_y":
            cheapest = [variant for _, variant in pieces[: len(pieces) // group * (each.get_quantity or 0)]]
            weights = {v: Fraction(left[v] * cheapest.count(v), len(units[v])) * share for v in mine}
            amount = sum(weights.values(), Fraction(0))
        else:
            amount = Fraction(0)
        parts = largest_remainder(math.floor(amount + Fraction(1, 2)), weights)
        if not any(parts.values()) and each.kind != "free_shipping":
            continue
        first = first or each
        found[each.pk] = parts
        left = {variant: left[variant] - parts.get(variant, 0) for variant in left}
    return found


def largest_remainder(amount: int, weights: dict[Any, Fraction]) -> dict[Any, int]:
    total = sum(weights.values())
    if not total:
        return dict.fromkeys(weights, 0)
    exact = {variant: amount * weight / total for variant, weight in weights.items()}
    parts = {variant: math.floor(share) for variant, share in exact.items()}
    for variant in sorted(weights, key=lambda v: (parts[v] - exact[v], v))[: amount - sum(parts.values())]:
        parts[variant] += 1
    return parts


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd"])
def test_promotions_of_any_kind_take_what_the_reference_says(settings: Any, currency: str) -> None:
    settings.CURRENCY = currency
    step, rng, applied = money.smallest_step(currency), random.Random(7), 0
    for _ in range(300):
        offers = random_offers(rng, step)
        promotions = [random_promotion(rng, step) for _ in range(rng.randint(1, 4))]
        cart, expected = priced(offers, promotions), reference(offers, promotions, step)
        taken = {
            each.pk: {line.offer.variant: int(line.discounts.get(each.pk, 0) / step) for line in cart.lines}
            for each in cart.promotions
        }
        shown = {pk: {v: part for v, part in parts.items() if part} for pk, parts in taken.items()}
        assert shown == {pk: {v: part for v, part in parts.items() if part} for pk, parts in expected.items()}
        assert all(0 <= line.discounted_total <= line.line_total for line in cart.lines)
        assert sum(cart.amount_of(each) for each in cart.promotions) == cart.discount == cart.subtotal - cart.total
        applied += len(cart.promotions)
        # Neither the order of the lines nor that of the promotions matters.
        other = priced(rng.sample(offers, len(offers)), rng.sample(promotions, len(promotions)))
        assert {line.offer.variant: line.discounts for line in other.lines} == {
            line.offer.variant: line.discounts for line in cart.lines
        }
    assert applied > 300
