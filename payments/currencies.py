"""Stripe's currencies, minor units and limits: https://docs.stripe.com/currencies.

The settings import this module, so it must not use them at import.
"""

from decimal import ROUND_HALF_UP, Decimal

from shop.money import decimal_places, display, quantize, smallest_step

CURRENCIES = frozenset(
    """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp
    cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk
    jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn
    nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std
    szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
    """.split()
)

# Zero-decimal in ISO 4217, but Stripe takes hundredths, in multiples of 100.
_TWO_DECIMAL = frozenset("isk ugx".split())

# For other currencies only Stripe checks it.
_MINIMUM = {
    "usd": "0.50", "aed": "2.00", "aud": "0.50", "bgn": "1.00", "brl": "0.50", "cad": "0.50", "chf": "0.50",
    "czk": "15.00", "dkk": "2.50", "eur": "0.50", "gbp": "0.30", "hkd": "4.00", "huf": "175.00", "inr": "0.50",
    "jpy": "50", "mxn": "10.00", "myr": "2.00", "nok": "3.00", "nzd": "0.50", "pln": "2.00", "ron": "2.00",
    "sek": "3.00", "sgd": "0.50", "thb": "10.00",
}  # fmt: skip


def to_minor_units(amount: Decimal, currency: str) -> int:
    """Round half-up to the smallest step: in three-decimal currencies the integer ends in 0."""
    step = smallest_step(currency)
    charged = (amount / step).to_integral_value(rounding=ROUND_HALF_UP) * step
    return int(charged.scaleb(_places(currency)))


def from_minor_units(minor: int, currency: str) -> Decimal:
    return quantize(Decimal(minor).scaleb(-_places(currency)), currency)


def display_minor_units(minor: int, currency: str) -> str:
    return display(from_minor_units(minor, currency), currency)


def _places(currency: str) -> int:
    return 2 if currency in _TWO_DECIMAL else decimal_places(currency)


def minimum_charge(currency: str) -> Decimal:
    if minimum := _MINIMUM.get(currency):
        return Decimal(minimum)
    return smallest_step(currency)


def maximum_charge(currency: str) -> Decimal:
    """Return the largest amount of eight digits in minor units."""
    return from_minor_units(99_999_990 if decimal_places(currency) == 3 else 99_999_999, currency)
