"""Stock that the unpaid orders of a network address hold."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import ADDRESS, client_of
from orders import expiry
from orders.models import Order
from shop import audit
from shop.dev.testing.holds import let_all_expire, try_to_order
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.tasks import run_task

pytestmark = pytest.mark.django_db


def test_accounts_at_one_address_hold_a_maximum_of_units_and_get_retry_after(
    make_user: Callable[..., User], product: Product, limits: Any
) -> None:
    limits.UNPAID_PIECES_PER_ADDRESS = 120
    for quantity in (50, 50, 20):
        place_order(client_of(make_user()), product, quantity)
    last = client_of(make_user())
    reply = try_to_order(last, product)
    assert refusal(reply, 429)[0] == "too_many_unpaid_orders_here"
    assert 0 < int(reply["Retry-After"]) <= 600
    assert stock_of(product) == 880
    # From elsewhere, the same order is fine.
    assert last.post(f"{API}/orders/", {"shipping_address": ADDRESS}, REMOTE_ADDR="203.0.113.9").status_code == 201


def test_the_networks_of_one_ipv6_site_hold_pieces_together(
    make_user: Callable[..., User], product: Product, limits: Any
) -> None:
    limits.UNPAID_PIECES_PER_ADDRESS = 60

    def order_from(address: str) -> Any:
        client = client_of(make_user())
        add_to_cart(client, product, 40)
        return client.post(f"{API}/orders/", {"shipping_address": ADDRESS}, REMOTE_ADDR=address)

    assert order_from("2001:db8:1:1::1").status_code == 201
    assert refusal(order_from("2001:db8:1:ff02::1"), 429)[0] == "too_many_unpaid_orders_here"
    assert order_from("2001:db8:2:1::1").status_code == 201


def test_an_address_whose_accounts_let_much_expire_may_hold_less_but_never_nothing(
    make_user: Callable[..., User], product: Product, limits: Any
) -> None:
    limits.UNPAID_PIECES_PER_ADDRESS = 40
    for round_ in range(3):
        client = client_of(make_user())
        assert try_to_order(client, product, 40 >> round_).status_code == 201
        let_all_expire()
        for _ in range(2 * round_):
            assert try_to_order(client_of(make_user()), product, 20 >> round_).status_code == 201
            let_all_expire()
    assert refusal(try_to_order(client_of(make_user()), product, 11), 429)[0] == "too_many_unpaid_orders_here"
    assert try_to_order(client_of(make_user()), product, 10).status_code == 201


def test_buyers_at_one_address_are_not_in_each_other_s_way(
    make_user: Callable[..., User], make_product: Callable[..., Product], limits: Any
) -> None:
    last = make_product(stock=5)
    buyers = [client_of(make_user()) for _ in range(12)]
    for buyer in buyers:
        add_to_cart(buyer, last)
    outcomes = Counter(
        run_concurrently(
            *[lambda b=buyer: b.post(f"{API}/orders/", {"shipping_address": ADDRESS}).status_code for buyer in buyers]
        )
    )
    assert outcomes == {201: 5, 409: 7}


def test_the_network_address_itself_is_not_kept(as_customer: APIClient, product: Product, limits: Any) -> None:
    number = place_order(as_customer, product)["number"]
    order = Order.objects.get(number=number)
    assert len(order.placed_from) == 64
    assert "127.0.0.1" not in str(order.__dict__)
    assert "placed_from" not in order_of(as_customer, number)


def test_the_digest_of_an_address_goes_when_an_expired_order_does_not_count_any_more(
    as_customer: APIClient, product: Product, limits: Any
) -> None:
    old, recent, waiting = (place_order(as_customer, product)["number"] for _ in range(3))
    Order.objects.filter(number__in=[old, recent]).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expiry.expire_due_orders().expired == 2
    Order.objects.filter(number=old).update(expired_at=timezone.now() - timedelta(hours=25))
    run_task("orders.forget_expired_holds")
    kept = Order.objects.exclude(placed_from="").values_list("number", flat=True)
    assert set(kept) == {recent, waiting}
    assert audit.violations() == []
    Order.objects.filter(number=old).update(placed_from="digest", expired_at=timezone.now() - timedelta(days=3))
    assert [f"{old} (cancelled) has a network address digest" in line for line in audit.violations()] == [True]
