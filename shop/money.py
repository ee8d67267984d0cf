"""Amounts and Stripe's minor units.

Sources: ISO 4217 and https://docs.stripe.com/currencies.
"""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from bson import Decimal128
from django.conf import settings

ZERO = Decimal(0)

STRIPE_CURRENCIES = frozenset(
    """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp
    cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk
    jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn
    nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std
    szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
    """.split()
)

_ZERO_DECIMAL = frozenset("bif clp djf gnf isk jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())
_THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
# Zero-decimal in ISO 4217, but Stripe takes hundredths, in multiples of 100.
_STRIPE_TWO_DECIMAL = frozenset("isk ugx".split())

# Stripe checks others.
_STRIPE_MINIMUM = {
    "usd": "0.50", "aed": "2.00", "aud": "0.50", "bgn": "1.00", "brl": "0.50", "cad": "0.50", "chf": "0.50",
    "czk": "15.00", "dkk": "2.50", "eur": "0.50", "gbp": "0.30", "hkd": "4.00", "huf": "175.00", "inr": "0.50",
    "jpy": "50", "mxn": "10.00", "myr": "2.00", "nok": "3.00", "nzd": "0.50", "pln": "2.00", "ron": "2.00",
    "sek": "3.00", "sgd": "0.50", "thb": "10.00",
}  # fmt: skip


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


def display_in_mongodb(field: str, currency: str) -> dict[str, Any]:
    """Return :func:`display` as an aggregation expression, for non-negative amounts."""
    places = decimal_places(currency)
    half = Decimal128(Decimal(5).scaleb(-places - 1))
    return {"$toString": {"$trunc": [{"$add": [field, half]}, places]}}


def to_minor_units(amount: Decimal, currency: str) -> int:
    """Three-decimal currencies are charged to the hundredth: the integer ends in 0."""
    if currency in _STRIPE_TWO_DECIMAL:
        return int(quantize(amount, currency)) * 100
    if currency in _THREE_DECIMAL:
        return int(amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) * 100) * 10
    return int(quantize(amount, currency).scaleb(decimal_places(currency)))


def from_minor_units(minor: int, currency: str) -> Decimal:
    places = 2 if currency in _STRIPE_TWO_DECIMAL else decimal_places(currency)
    return quantize(Decimal(minor).scaleb(-places), currency)


def smallest_step(currency: str) -> Decimal:
    """Return 0.01, in JPY 1, in KWD 0.010."""
    if currency in _THREE_DECIMAL:
        return Decimal("0.01")
    return Decimal(1).scaleb(-decimal_places(currency))


def round_to_step(amount: Decimal, currency: str | None = None) -> Decimal:
    """Round half-up to a chargeable amount."""
    currency = currency or settings.CURRENCY
    return round_to_multiple(amount, smallest_step(currency), currency)


def round_to_multiple(amount: Decimal, unit: Decimal, currency: str | None = None) -> Decimal:
    """``unit`` must be a multiple of the smallest step."""
    return quantize((amount / unit).to_integral_value(rounding=ROUND_HALF_UP) * unit, currency)


def minimum_charge(currency: str) -> Decimal:
    if minimum := _STRIPE_MINIMUM.get(currency):
        return Decimal(minimum)
    return smallest_step(currency)


def maximum_charge(currency: str) -> Decimal:
    """Return eight digits of minor units."""
    return from_minor_units(99_999_990 if currency in _THREE_DECIMAL else 99_999_999, currency)


def allocate(amount: Decimal, weights: Sequence[Decimal], currency: str | None = None) -> list[Decimal]:
    """Split ``amount`` in proportion to ``weights``, by largest remainder.

    Parts add up to ``amount``, in smallest steps; all are zero if the weights are.
    """
    currency = currency or settings.CURRENCY
    step = smallest_step(currency)
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
