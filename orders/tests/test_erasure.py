"""Orders of deleted accounts: what is kept, and when it is erased."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from bson import ObjectId
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Address, User
from cart.models import Cart
from catalog.models import Product
from conftest import ADDRESS, client_of
from orders.models import Order
from payments.models import Payment
from shop.dev.stripe_simulator import ApiError, StripeSimulator
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import keys_and_documents
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import open_payment, pay

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

    # Undelivered orders keep their address; delivered ones only what taxes require.
    for number in (to_send, sent):
        assert order_of(as_staff, number)["shipping_address"]["name"] == ADDRESS["name"]
    as_staff.post(f"{API}/orders/{sent}/fulfil/", {"status": "delivered"})
    left = order_of(as_staff, sent)
    assert (left["total"], left["payment_status"], left["note"]) == ("10.00", "paid", "")
    assert {name: value for name, value in left["shipping_address"].items() if value} == {"country": "GB"}
    assert order_of(as_staff, to_send)["note"] == "For Ada"
    assert set(Order.objects.filter(number__in=[to_send, sent]).values_list("user", flat=True)) == {None}
    assert set(Payment.objects.values_list("user", flat=True)) == {None}
    assert order_of(as_stranger, theirs["number"]) == theirs
    assert not User.objects.filter(email="ada@example.com").exists()
    assert Cart.objects.filter(user=customer.pk).count() == 0


def test_an_order_without_the_person_keeps_its_address_until_it_has_arrived(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product())["number"]
    pay(as_customer, simulator, number)
    leave(as_customer)
    kept = {}
    for status in ("shipped", "delivered"):
        as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": status})
        kept[status] = order_of(as_staff, number)["shipping_address"]["name"]
    assert kept == {"shipped": ADDRESS["name"], "delivered": ""}


def test_leaving_cancels_what_is_not_paid_and_closes_its_way_to_pay(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    leave(as_customer)
    order = order_of(as_staff, number)
    assert order["status"] == "cancelled"
    assert not order["shipping_address"]["name"]
    assert stock_of(product) == 5
    with pytest.raises(ApiError):
        simulator.pay(intent)


def test_no_account_is_deleted_while_a_payment_is_processing(
    customer: User, as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product())["number"]
    simulator.pay(open_payment(as_customer, number)["payment_intent"], "pm_usBankAccount_processing")
    reply = as_customer.delete(f"{API}/users/me/")
    assert refusal(reply, 409) == ("order_not_cancellable", None)
    assert User.objects.filter(pk=customer.pk).exists()
    assert order_of(as_customer, number)["status"] == "pending"


def test_nothing_written_at_the_same_moment_outlives_the_account(
    make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=100)
    for _ in range(6):
        user = make_user()
        leaving, writing, filling = client_of(user), client_of(user), client_of(user)
        run_concurrently(
            lambda client=leaving: client.delete(f"{API}/users/me/"),
            lambda client=writing: client.post(f"{API}/users/me/addresses/", ADDRESS),
            lambda client=filling: client.post(f"{API}/cart/items/", {"product": str(product.pk)}),
        )
        assert not Address.objects.filter(user=user.pk).exists()
        assert not Cart.objects.filter(user=user.pk).exists()


def test_looking_for_orders_to_erase_reads_only_detached_ones(
    customer: User, as_stranger: APIClient, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=100)
    place_order(as_stranger, product)
    rows = connection.database["orders_order"]
    row = {**rows.find_one(), "status": "cancelled"}
    rows.insert_many({**row, "_id": ObjectId(), "number": str(n), "cart": ObjectId()} for n in range(300))
    place_order(as_customer, product)
    Order.objects.filter(user=customer).update(
        user=None, detached_at=timezone.now() - timedelta(days=91), status="cancelled", expires_at=None
    )
    with count_commands() as commands:
        assert list(Order.objects.due_for_erasure().order_by("detached_at").values_list("pk", flat=True))
    keys, documents = keys_and_documents(commands.on("orders_order")[0])
    assert max(keys, documents) < 5, commands
