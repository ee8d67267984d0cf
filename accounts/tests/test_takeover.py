"""A reset link gives an account with an unverified address to its owner, without the earlier holder's data."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Address, KnownNetwork, User
from cart.models import Cart
from catalog.models import Product
from conftest import PASSWORD, client_of
from orders.models import Order
from orders.reviews.models import Review
from payments.models import Payment
from shop import audit
from shop.dev.stripe_simulator import ApiError, StripeSimulator
from shop.dev.testing.admin import browser_of
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, dump_database, order_of, place_order, stock_of
from shop.dev.testing.stripe_steps import deliver, open_payment, pay
from shop.dev.testing.takeover import (
    ADDRESS,
    NEW_PASSWORD,
    OWNER,
    account,
    confirm,
    log_in,
    mine,
    reset_link,
    settle_in,
)
from shop.jobs import Job

pytestmark = pytest.mark.django_db


def test_no_data_of_the_first_to_register_the_address_is_left_to_its_owner(
    stranger: APIClient, make_product: Callable[..., Product]
) -> None:
    settle_in(stranger, make_product)
    browser = browser_of(account())

    assert confirm(reset_link()).status_code == 204

    owner = log_in()
    kept = mine(owner)
    profile = kept["profile"]
    assert (profile["name"], profile["phone"], profile["avatar"]) == ("", "", None)
    assert profile["email_verified"] is True
    assert (kept["addresses"], kept["orders"], kept["payments"], kept["coupon_uses"]) == ([], [], [], [])
    assert cart_of(owner)["items"] == []
    assert "tranger" not in str(kept)
    assert [job.payload for job in Job.objects.filter(kind="shop.delete_image")] == [{"name": "avatars/stranger.webp"}]
    # All earlier logins are revoked.
    assert refusal(stranger.get(f"{API}/users/me/"), 401)
    assert browser.get("/admin/").status_code == 302
    assert client_of().post(f"{API}/auth/login/", {"email": OWNER, "password": PASSWORD}).status_code == 401
    assert not audit.violations()


def test_the_owner_s_own_guest_cart_is_merged_afterwards(
    stranger: APIClient, make_product: Callable[..., Product]
) -> None:
    settle_in(stranger, make_product)
    own = make_product()
    reply = client_of().post(f"{API}/cart/items/", {"product": str(own.pk), "quantity": 2})
    token = reply["X-Cart-Token"]
    confirm(reset_link())
    owner = log_in(**{"X-Cart-Token": token})
    assert [(line["product"]["id"], line["quantity"]) for line in cart_of(owner)["items"]] == [(str(own.pk), 2)]
    assert Cart.objects.count() == 1


def test_an_account_whose_address_is_proven_keeps_everything(
    stranger: APIClient, make_product: Callable[..., Product]
) -> None:
    settle_in(stranger, make_product)
    User.objects.filter(email=OWNER).update(email_verified=True)
    order = place_order(stranger, make_product())
    add_to_cart(stranger, make_product())
    before = {name: value for name, value in mine(stranger).items() if name not in ("sessions",)}
    confirm(reset_link())
    after = {name: value for name, value in mine(log_in()).items() if name not in ("sessions",)}
    assert after == before
    assert Order.objects.get(number=order["number"]).user_id == account().pk


def test_staff_keep_their_profile(make_user: Callable[..., User]) -> None:
    make_user(email=OWNER, name="Clerk", is_staff=True)
    confirm(reset_link())
    assert (account().name, account().email_verified) == ("Clerk", True)


def test_unpaid_orders_are_cancelled_and_paid_ones_detached(
    stranger: APIClient, as_staff: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(price="10.00", stock=5)
    unpaid = place_order(stranger, product, shipping_address=ADDRESS, note="Stranger")["number"]
    intent = open_payment(stranger, unpaid)["payment_intent"]
    never_opened = place_order(stranger, product, shipping_address=ADDRESS)["number"]
    paid = place_order(stranger, product, shipping_address=ADDRESS)["number"]
    pay(stranger, simulator, paid)
    assert stranger.post(f"{API}/products/{product.pk}/reviews/", {"rating": 5, "title": "Good"}).status_code == 201

    confirm(reset_link())
    work()

    for number in (unpaid, never_opened):
        order = order_of(as_staff, number)
        assert (order["status"], order["shipping_address"]["name"], order["note"]) == ("cancelled", "", "")
    with pytest.raises(ApiError):
        simulator.pay(intent)
    assert stock_of(product) == 4
    # It is shipped to the person who paid, and erased after the delivery.
    assert order_of(as_staff, paid)["shipping_address"]["name"] == ADDRESS["name"]
    owner = log_in()
    for number in (unpaid, never_opened, paid):
        assert refusal(owner.get(f"{API}/orders/{number}/"), 404)
    assert set(Order.objects.values_list("user", flat=True)) == {None}
    assert set(Payment.objects.values_list("user", flat=True)) == {None}
    assert (Review.objects.get().user_id, Review.objects.get().title) == (None, "Good")
    for status in ("shipped", "delivered"):
        as_staff.post(f"{API}/orders/{paid}/fulfil/", {"status": status})
    assert not order_of(as_staff, paid)["shipping_address"]["name"]
    assert not audit.violations()


def test_an_order_whose_bank_is_at_work_waits_for_it(
    stranger: APIClient, as_staff: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(stranger, make_product(price="10.00"), shipping_address=ADDRESS)["number"]
    intent = open_payment(stranger, number)["payment_intent"]
    simulator.pay(intent, "pm_usBankAccount_processing")
    confirm(reset_link())
    work()
    assert order_of(as_staff, number)["status"] == "pending"
    assert Job.objects.filter(kind="orders.cancel_detached").count() == 1
    simulator.finish_processing(intent)
    deliver(simulator)
    Job.objects.update(run_at=Order.objects.get().created_at)
    work()
    assert order_of(as_staff, number)["payment_status"] == "paid"
    assert not Job.objects.filter(kind="orders.cancel_detached").exists()
    assert refusal(log_in().get(f"{API}/orders/{number}/"), 404)


def test_all_of_it_happens_or_nothing(stranger: APIClient, make_product: Callable[..., Product]) -> None:
    settle_in(stranger, make_product)
    link = reset_link()
    before = dump_database()
    with failing("insert", Job, errorCode=8000):
        assert confirm(link).status_code == 500
    with failing("delete", Address, errorCode=8000):
        assert confirm(link).status_code == 500
    assert dump_database() == before
    with failing("update", User, errorCode=112, errorLabels=["TransientTransactionError"]):
        assert confirm(link).status_code == 204
    assert not Address.objects.exists()


@pytest.mark.parametrize("way", ["a new password", "a logout of all"])
def test_a_stranger_cannot_void_the_owner_s_links(stranger: APIClient, way: str) -> None:
    link = reset_link()
    if way == "a new password":
        change = {"old_password": PASSWORD, "new_password": f"{PASSWORD}-1"}
        assert stranger.post(f"{API}/auth/password/change/", change).status_code == 204
    else:
        assert stranger.post(f"{API}/auth/logout-all/", {}).status_code == 204
    work()
    assert confirm(link).status_code == 204
    # Once.
    assert refusal(confirm(link), 400) == ("invalid_token", "token")
    assert account().name == ""
    log_in()


# --- Races ------------------------------------------------------------------------------------------------------------


def test_the_stranger_s_network_is_not_a_known_one(stranger: APIClient, settings: Any) -> None:
    settings.RATE_LIMITS = True
    reply = APIClient().post(f"{API}/auth/login/", {"email": OWNER, "password": PASSWORD}, REMOTE_ADDR="203.0.113.9")
    assert reply.status_code == 200
    strangers = set(KnownNetwork.objects.values_list("pk", flat=True))
    assert strangers
    link = reset_link()
    reply = APIClient().post(
        f"{API}/auth/password/reset/confirm/", {**link, "new_password": NEW_PASSWORD}, REMOTE_ADDR="203.0.113.7"
    )
    assert reply.status_code == 204
    assert KnownNetwork.objects.exists()
    assert not KnownNetwork.objects.filter(pk__in=strangers).exists()
