"""Addresses are written in the format of their country."""

import pytest

from accounts.models import Address
from accounts.postal import postal_lines


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {"city": "Springfield", "state": "IL", "postal_code": "62701", "country": "US"},
            ["Springfield, IL 62701", "United States of America"],
        ),
        (
            {"city": "Toronto", "state": "ON", "postal_code": "M5V 2T6", "country": "CA"},
            ["Toronto ON M5V 2T6", "Canada"],
        ),
        (
            {"city": "London", "postal_code": "SW1Y 4JH", "country": "GB"},
            ["London", "SW1Y 4JH", "United Kingdom"],
        ),
        ({"city": "Berlin", "postal_code": "10115", "country": "DE"}, ["10115 Berlin", "Germany"]),
        (
            {"city": "Sydney", "state": "NSW", "postal_code": "2000", "country": "AU"},
            ["Sydney NSW 2000", "Australia"],
        ),
        # Fields that the country's format lacks are written, too.
        (
            {"city": "Berlin", "state": "Brandenburg", "postal_code": "10115", "country": "DE"},
            ["10115 Berlin", "Brandenburg", "Germany"],
        ),
        ({"city": "Dubai", "postal_code": "00000", "country": "AE"}, ["Dubai", "00000", "United Arab Emirates"]),
        # A code is written as the name if the country's addresses contain no codes.
        (
            {"city": "München", "state": "BY", "postal_code": "80331", "country": "DE"},
            ["80331 München", "Bayern", "Germany"],
        ),
        # Empty fields leave no separators.
        ({"city": "Springfield", "state": "IL", "country": "US"}, ["Springfield, IL", "United States of America"]),
        ({"city": "Springfield", "country": "US"}, ["Springfield", "United States of America"]),
    ],
)
def test_each_country_s_order_of_the_lines(fields: dict[str, str], lines: list[str]) -> None:
    address = Address(name="Ada Lovelace", line1="1 Main St", line2="Apt 2", **fields)
    assert postal_lines(address) == ["Ada Lovelace", "1 Main St", "Apt 2", *lines]


def test_an_erased_address_is_only_what_is_left_of_it() -> None:
    erased = Address(name="", line1="", city="", country="US", state="IL")
    assert postal_lines(erased) == ["IL", "United States of America"]


def test_a_japanese_address_is_written_from_the_largest_unit_to_the_smallest() -> None:
    address = Address(name="太郎", line1="1-2-3", city="千代田区", state="東京都", postal_code="100-0001", country="JP")
    lines = postal_lines(address)
    assert lines.index("太郎") > lines.index("1-2-3")
    assert lines[-1] == "Japan"
