"""What stays of the orders of somebody who deletes their account."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from cart.models import Cart
from catalog.models import Product
from conftest import ADDRESS
from orders import services
from orders.models import Order
from payments.models import Payment
from payments.simulator import StripeSimulator
from shop.testing.steps import API, add_to_cart, order_of, place_order, stock_of
from shop.testing.stripe_steps import deliver, open_payment, pay

pytestmark = pytest.mark.django_db


def leave(client: APIClient) -> None:
    assert client.delete(f"{API}/users/me/").status_code == 204


def test_orders_stay_without_the_person(
    customer: User,
    as_customer: APIClient,
    as_staff: APIClient,
    as_stranger: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
) -> None:
    product = make_product(price="10.00", stock=5)
    to_send = place_order(as_customer, product, note="For Ada")["number"]
    pay(as_customer, simulator, to_send)
    sent = place_order(as_customer, product, note="For Ada")["number"]
    pay(as_customer, simulator, sent)
    as_staff.post(f"{API}/orders/{sent}/fulfil/", {"status": "shipped"})
    theirs = place_order(as_stranger, product, note="For Eve")
    add_to_cart(as_customer, product)

    leave(as_customer)

    # The parcel that still has to be sent keeps its address, the other one only what taxes need.
    assert order_of(as_staff, to_send)["shipping_address"]["name"] == ADDRESS["name"]
    left = order_of(as_staff, sent)
    assert (left["total"], left["payment_status"], left["note"]) == ("10.00", "paid", "")
    assert {name: value for name, value in left["shipping_address"].items() if value} == {"country": "GB"}
    assert set(Order.objects.filter(number__in=[to_send, sent]).values_list("user", flat=True)) == {None}
    assert set(Payment.objects.values_list("user", flat=True)) == {None}
    assert order_of(as_stranger, theirs["number"]) == theirs
    assert not User.objects.filter(email="ada@example.com").exists()
    assert Cart.objects.filter(user=customer.pk).count() == 0


def test_an_unpaid_order_of_somebody_who_left_expires_like_any_other(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    open_payment(as_customer, number)
    leave(as_customer)
    Order.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert services.expire_due_orders() == 1
    assert stock_of(product) == 5


def test_money_of_somebody_who_left_still_completes_the_order(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product())["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    leave(as_customer)
    simulator.pay(intent)
    deliver(simulator)
    assert order_of(as_staff, number)["payment_status"] == "paid"
