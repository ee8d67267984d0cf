"""Each process caches shipping and taxes; a change is effective in the next request."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from cart.revisions import TARIFFS, PriceRevision
from catalog.models import Product
from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone
from orders.taxes.models import TaxRate
from shop.dev.testing.commands import count_commands
from shop.dev.testing.steps import ADDRESS, API, add_to_cart, place_order

pytestmark = pytest.mark.django_db
TABLES = {model._meta.db_table for model in (ShippingMethod, ShippingRate, ShippingZone, TaxRate)}


def quoted(client: APIClient) -> tuple[str, str]:
    quote = client.post(f"{API}/orders/quote/", {"shipping_address": ADDRESS}).json()
    return quote["shipping"], quote["tax"]


def tables_read(client: APIClient) -> set[str]:
    with count_commands() as commands:
        quoted(client)
    stages = [stage for command in commands for stage in command.document.get("pipeline", ())]
    return TABLES & {stage["$lookup"]["from"] for stage in stages if "$lookup" in stage}


def test_each_way_of_changing_tariffs_is_effective_at_once(
    as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod
) -> None:
    add_to_cart(as_customer, make_product("Mug", price="10.00", stock=20), 2)
    country = ADDRESS["country"]
    zone = ShippingZone.objects.create(name="Home", countries=[country])
    rates = ShippingRate.objects.filter(method=shipping)
    taxes = TaxRate.objects.filter(country=country)
    methods = ShippingMethod.objects.filter(code="standard")

    def save(row: Any, **values: Any) -> None:
        for name, value in values.items():
            setattr(row, name, value)
        row.save()

    changes: list[tuple[Callable[[], Any], tuple[str, str]]] = [
        (lambda: save(shipping, price=Decimal(5)), ("5.00", "0.00")),
        (lambda: methods.update(price=Decimal(6)), ("6.00", "0.00")),
        (lambda: ShippingRate.objects.create(method=shipping, zone=zone, price=Decimal(7)), ("7.00", "0.00")),
        (lambda: TaxRate.objects.create(country=country, rate=10, applies_to_shipping=False), ("7.00", "2.00")),
        (lambda: taxes.update(rate=20), ("7.00", "4.00")),
        (lambda: rates.update(price=Decimal(8)), ("8.00", "4.00")),
        (lambda: taxes.delete(), ("8.00", "0.00")),
        (lambda: TaxRate.objects.bulk_create([TaxRate(country=country, rate=30)]), ("8.00", "8.40")),
        (lambda: taxes.get().delete(), ("8.00", "0.00")),
        (lambda: rates.delete(), ("6.00", "0.00")),
        (lambda: save(zone, countries=["XK"]), ("6.00", "0.00")),
        (lambda: ShippingRate.objects.create(method=shipping, zone=zone, price=Decimal(7)), None),
        (lambda: save(zone, countries=[country]), ("7.00", "0.00")),
    ]
    for number, (change, expected) in enumerate(changes):
        change()
        if expected is None:
            assert as_customer.post(f"{API}/orders/quote/", {"shipping_address": ADDRESS}).status_code == 400
            continue
        assert quoted(as_customer) == expected, number
        assert tables_read(as_customer) == set()
        assert quoted(as_customer) == expected, number
    # As another process changes them.
    ShippingRate.objects.update(price=Decimal(9))
    assert PriceRevision.objects.get(pk=TARIFFS).revision > len(changes)

    order = place_order(as_customer)
    assert (order["shipping"], order["total"]) == ("9.00", "29.00")
