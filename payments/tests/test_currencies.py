"""Stripe's minor units."""

from decimal import Decimal

import pytest

from payments.currencies import from_minor_units, to_minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("19.99", "usd", 1999),
        ("1999", "jpy", 1999),
        ("1.230", "kwd", 1230),
        ("500", "isk", 50000),
        ("500", "ugx", 50000),
        ("1999.00", "huf", 199900),
    ],
)
def test_minor_units_are_those_that_stripe_counts(amount: str, currency: str, minor: int) -> None:
    assert to_minor_units(Decimal(amount), currency) == minor


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd", "isk", "huf"])
@pytest.mark.parametrize("amount", ["0", "100", "1234500"])
def test_minor_units_go_there_and_back(currency: str, amount: str) -> None:
    assert from_minor_units(to_minor_units(Decimal(amount), currency), currency) == Decimal(amount)
