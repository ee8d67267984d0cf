"""Each process caches automatic promotions; a change is effective in the next request."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from cart.promotions.models import Promotion
from cart.revisions import PriceRevision
from catalog.models import Product
from orders.models import Order
from shop.dev.testing.commands import count_commands
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import API, add_to_cart, cart_of, place_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_line(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    add_to_cart(as_customer, make_product("Mug", price="10.00", stock=20), 2)


def sale(value: str = "10", **fields: Any) -> Promotion:
    return Promotion(kind="percentage", value=Decimal(value), automatic=True, name="Sale", **fields)


@pytest.mark.usefixtures("one_line")
def test_a_cart_reads_cached_promotions_no_more(as_customer: APIClient) -> None:
    sale().save()
    cart_of(as_customer)
    first = cart_of(as_customer)
    with count_commands() as commands:
        second = cart_of(as_customer)

    assert first == second
    assert (second["discount"], commands.names) == ("2.00", ["aggregate"])
    read = [stage["$lookup"]["from"] for stage in commands[0].document["pipeline"] if "$lookup" in stage]
    assert Promotion._meta.db_table not in read
    assert PriceRevision._meta.db_table in read


@pytest.mark.usefixtures("one_line", "shipping")
def test_each_way_of_changing_promotions_is_effective_at_once(as_customer: APIClient) -> None:
    promotion = sale("10")
    promotions = Promotion.objects.filter(name="Sale")
    changes: list[tuple[Callable[[], Any], str]] = [
        (promotion.save, "2.00"),
        (lambda: promotions.update(value=Decimal(20)), "4.00"),
        (promotion.delete, "0.00"),
        (lambda: Promotion.objects.bulk_create([sale("30", code="A")]), "6.00"),
        (lambda: Promotion.objects.bulk_update([_changed(promotions.get(), "40")], ["value"]), "8.00"),
        (promotions.delete, "0.00"),
        (lambda: Promotion.objects.create(kind="fixed", value=Decimal(3), automatic=True, name="Sale"), "3.00"),
        (lambda: Promotion.objects.update_or_create(name="Sale", defaults={"value": Decimal(5)}), "5.00"),
    ]
    for change, discount in changes:
        cart_of(as_customer)
        assert cart_of(as_customer)["discount"] != discount
        change()
        with count_commands() as commands:
            assert cart_of(as_customer)["discount"] == discount
        assert len(commands) <= 3
    promotions.update(value=Decimal(4))

    assert place_order(as_customer)["discount"] == "4.00"


def _changed(promotion: Promotion, value: str) -> Promotion:
    promotion.value = Decimal(value)
    return promotion


@pytest.mark.usefixtures("one_line", "shipping")
def test_a_change_of_another_process_is_effective_at_once(as_customer: APIClient) -> None:
    sale().save()
    cart_of(as_customer)
    assert cart_of(as_customer)["discount"] == "2.00"
    code = (
        "import django; django.setup(); from cart.promotions.models import Promotion; "
        "Promotion.objects.update(value=50); "
        "Promotion.objects.create(code='ONE', kind='fixed', value=1)"
    )
    environment = {**os.environ, "MONGO_URI": database_uri(), "DJANGO_SETTINGS_MODULE": "shop.settings"}
    subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=environment, check=True)

    assert place_order(as_customer)["discount"] == "10.00"
    assert Order.objects.get().discounts[0].amount == 10


@pytest.mark.usefixtures("one_line")
def test_a_new_code_applies_though_none_was_known(as_customer: APIClient) -> None:
    cart_of(as_customer)
    Promotion.objects.create(code="ONE", kind="fixed", value=Decimal(1))

    assert as_customer.put(f"{API}/cart/coupon/", {"code": "ONE"}).json()["discount"] == "1.00"
    assert cart_of(as_customer)["discount"] == "1.00"
    assert cart_of(as_customer)["discount"] == "1.00"


@pytest.mark.usefixtures("one_line")
def test_schedules_of_cached_promotions_are_evaluated_at_use(
    as_customer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = timezone.now() + timedelta(seconds=20)
    sale(valid_from=start, valid_until=start + timedelta(seconds=20)).save()
    shown = []
    for moment in (start - timedelta(seconds=1), start, start + timedelta(seconds=20)):
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        shown.append(cart_of(as_customer)["discount"])

    assert shown == ["0.00", "2.00", "0.00"]
