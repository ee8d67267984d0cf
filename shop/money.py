"""Amounts of money, by ISO 4217."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache

from django.conf import settings

ZERO = Decimal(0)

# ISO 4217 gives MGA decimals, for fifths that are not in use.
_ZERO_DECIMAL = frozenset("bif clp djf gnf isk jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())
_THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())


def decimal_places(currency: str) -> int:
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def quantize(amount: Decimal, currency: str | None = None) -> Decimal:
    """Round half-up to the smallest unit."""
    return amount.quantize(_unit(currency or settings.CURRENCY), rounding=ROUND_HALF_UP)


@cache
def _unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-decimal_places(currency))


def display(amount: Decimal, currency: str | None = None) -> str:
    """Return ``"19.99"``, in JPY ``"1999"``."""
    return f"{quantize(amount, currency):f}"


def smallest_step(currency: str) -> Decimal:
    """Return 0.01, in JPY 1; in KWD 0.010, because cards are charged to the hundredth."""
    if currency in _THREE_DECIMAL:
        return Decimal("0.01")
    return Decimal(1).scaleb(-decimal_places(currency))


def round_to_step(amount: Decimal, currency: str | None = None) -> Decimal:
    """Round half-up to a chargeable amount."""
    return round_to_multiple(amount, smallest_step(currency or settings.CURRENCY), currency)


def round_to_multiple(amount: Decimal, unit: Decimal, currency: str | None = None) -> Decimal:
    """``unit`` must be a multiple of the smallest step."""
    return quantize((amount / unit).to_integral_value(rounding=ROUND_HALF_UP) * unit, currency)


def allocate(amount: Decimal, weights: Sequence[Decimal], currency: str | None = None) -> list[Decimal]:
    """Split by largest remainder. Parts add up to ``amount``, in smallest steps; all are zero if the weights are."""
    step = smallest_step(currency or settings.CURRENCY)
    total = sum(weights, ZERO)
    if not total:
        return [quantize(ZERO, currency) for _ in weights]
    exact = [amount * weight / total for weight in weights]
    parts = [(share / step).to_integral_value(rounding=ROUND_DOWN) * step for share in exact]
    missing = int((amount - sum(parts, ZERO)) / step)
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[:missing]:
        parts[i] += step
    return [quantize(part, currency) for part in parts]
