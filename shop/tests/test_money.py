"""Amounts in the currency's decimals: input is never rounded, output is exact."""

import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from rest_framework import serializers
from rest_framework.test import APIClient

from catalog.models import Product
from shop import money
from shop.db.money_fields import MoneyField
from shop.dev.testing.replies import refusals

LIST = "/api/v1/products/"

GOOD = {
    "usd": {"19.99": "19.99", "19.9": "19.90", "0": "0.00", "1e2": "100.00", "1E+2": "100.00", "1e-2": "0.01"},
    "jpy": {"1999": "1999", "0": "0", "2e3": "2000"},
    # Cards are charged to the hundredth.
    "kwd": {"1.990": "1.990", "1.99": "1.990", "5": "5.000", "0.010": "0.010"},
}
BAD = {
    "usd": [
        "1.999",
        "0.001",
        "-0.01",
        "-1",
        "NaN",
        "-NaN",
        "sNaN",
        "Infinity",
        "1e400",
        "1e-400",
        "1e10",
        "",
        " ",
        "1,5",
    ],
    "jpy": ["1999.5", "1999.0", "0.1", "-1", "1e-1"],
    "kwd": ["1.995", "0.001", "1.9999", "-0.01"],
}


def asked(field: serializers.Field, value: object) -> str:
    return field.to_representation(field.run_validation(value))


@pytest.mark.parametrize("currency", GOOD)
def test_an_amount_comes_back_in_the_decimals_of_its_currency(currency: str, settings: Any) -> None:
    settings.CURRENCY = currency
    field = MoneyField()
    for given, shown in GOOD[currency].items():
        assert asked(field, given) == shown


@pytest.mark.parametrize("currency", BAD)
def test_an_amount_that_cannot_be_charged_is_refused_and_not_rounded(
    currency: str, settings: Any, subtests: pytest.Subtests
) -> None:
    settings.CURRENCY = currency
    field = MoneyField()
    for given in BAD[currency]:
        with subtests.test(given), pytest.raises(serializers.ValidationError):
            field.run_validation(given)


@pytest.mark.parametrize(
    "given", [True, [], {}, [1], {"$gt": 0}, float("nan"), float("inf"), "0x10", "1" * 1001, 10**9 + 1]
)
def test_what_is_no_amount_is_refused(given: object) -> None:
    with pytest.raises(serializers.ValidationError):
        MoneyField().run_validation(given)


def test_minus_nothing_is_nothing() -> None:
    assert asked(MoneyField(), "-0") == asked(MoneyField(), "-0.00") == "0.00"


def test_the_largest_price_is_the_settings() -> None:
    assert asked(MoneyField(), str(settings.MAX_PRICE)) == f"{settings.MAX_PRICE}.00"
    with pytest.raises(serializers.ValidationError):
        MoneyField().run_validation(f"{settings.MAX_PRICE}.01")


def test_an_amount_is_shown_in_digits_however_it_is_kept() -> None:
    for kept in (Decimal("1E+3"), Decimal(1000), Decimal("1000.000")):
        assert MoneyField().to_representation(kept) == "1000.00"


# --- The whole shop in another currency -------------------------------------------------------------------------------

# The fields of the serializers are made with their modules, so another currency is another process.
IN_ANOTHER_CURRENCY = """
import django
django.setup()
from django.conf import settings
from catalog.serializers import ProductWriteSerializer
from shop.money import display
for price in {prices!r}:
    serializer = ProductWriteSerializer(data={{"name": "Mug", "price": price}})
    if serializer.is_valid():
        print(display(serializer.validated_data["price"]), settings.CURRENCY)
    else:
        print(*(error.code for error in serializer.errors["price"]))
"""


@pytest.mark.parametrize(
    ("currency", "prices", "said"),
    [
        ("jpy", ["1999", "1999.5"], ["1999 jpy", "max_decimal_places"]),
        ("kwd", ["1.99", "1.995"], ["1.990 kwd", "max_decimal_places"]),
    ],
)
def test_a_shop_in_another_currency_speaks_it(currency: str, prices: list[str], said: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_CURRENCY.format(prices=prices)],
        env={**os.environ, "CURRENCY": currency, "DJANGO_SETTINGS_MODULE": "shop.settings"},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout.splitlines() == said, result.stderr[-2000:]


# --- Over HTTP --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_price_is_kept_to_the_cent_from_one_end_to_the_other(as_staff: APIClient) -> None:
    for given, shown in {**GOOD["usd"], "999999999.99": "999999999.99"}.items():
        reply = as_staff.post(LIST, {"name": "Mug", "price": given})
        assert reply.status_code == 201, reply.content
        assert reply.json()["price"] == shown
        if Decimal(given):
            sale = as_staff.post(LIST, {"name": "Mug", "price": "0", "compare_at_price": given})
            assert sale.json()["compare_at_price"] == shown
        assert as_staff.get(f"{LIST}{reply.json()['id']}/").json()["variants"][0]["price"] == shown


@pytest.mark.django_db
def test_a_price_that_cannot_be_charged_is_400_by_its_name(
    as_staff: APIClient, make_product: Callable[..., Product], subtests: pytest.Subtests
) -> None:
    make_product("Mug", price="5")
    for given in BAD["usd"]:
        with subtests.test(given):
            found = refusals(as_staff.patch(f"{LIST}mug/", {"price": given, "name": "Cup"}), 400)
            assert {attr for _, attr in found} == {"price"}
    assert Product.objects.values_list("name", "price").get() == ("Mug", Decimal(5))


# --- Sums -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("0.005", "usd", "0.01"), ("0.0049", "usd", "0.00"), ("0.5", "jpy", "1"), ("1.0005", "kwd", "1.001")],
)
def test_rounding_is_half_up(amount: str, currency: str, shown: str) -> None:
    assert money.display(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("1.00", ["1", "1", "1"], ["0.34", "0.33", "0.33"]),
        ("0.01", ["1", "2"], ["0.00", "0.01"]),
        ("10.00", ["19.99", "0.01"], ["10.00", "0.00"]),
        ("5.00", ["0", "0"], ["0.00", "0.00"]),
        ("0.00", ["1", "2"], ["0.00", "0.00"]),
    ],
)
def test_a_sum_is_split_without_remainder(amount: str, weights: list[str], parts: list[str]) -> None:
    assert money.allocate(Decimal(amount), [Decimal(weight) for weight in weights]) == [Decimal(p) for p in parts]
