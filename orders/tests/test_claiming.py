"""Guest orders of an address become the orders of the account that verifies it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product
from conftest import PASSWORD, client_of
from orders import claiming
from orders.models import Order, ShippingMethod
from payments.models import Payment
from shop import audit, jobs
from shop.dev.stripe_simulator import ApiError, StripeSimulator
from shop.dev.testing.admin import browser_of, filled_in, url_of
from shop.dev.testing.guests import EMAIL, guest_with_cart, place_guest_order, with_token
from shop.dev.testing.mails import link_in, minutes_pass, work
from shop.dev.testing.steps import ADDRESS, API, order_of, place_order, run_concurrently
from shop.dev.testing.stripe_steps import deliver, open_payment, pay
from shop.dev.testing.tasks import run_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(make_product: Callable[..., Product], shipping: ShippingMethod) -> Product:
    return make_product("Mug", price="10.00", stock=50)


@pytest.fixture
def grace(make_user: Callable[..., User]) -> User:
    return make_user(email=EMAIL, name="Grace")


def verify(user: User) -> None:
    assert client_of(user).post(f"{API}/auth/email/verify/", {}).status_code == 202
    (mail,) = [mail for mail in work() if "Confirm" in mail.subject]
    assert client_of().post(f"{API}/auth/email/verify/confirm/", link_in(mail, "verify-email")).status_code == 204
    work()


def numbers_of(user: User) -> set[str]:
    listed = client_of(User.objects.get(pk=user.pk)).get(f"{API}/orders/").json()
    return {order["number"] for order in listed["results"]}


def test_verifying_the_address_claims_its_guest_orders(
    mug: Product, grace: User, as_stranger: APIClient, simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "ORDERS_AT_ONCE", 2)
    Promotion.objects.create(code="HELLO", kind="fixed", value=1, usage_limit_per_customer=1)
    guest = guest_with_cart(mug)
    guest.put(f"{API}/cart/coupon/", {"code": "HELLO"})
    paid = guest.post(f"{API}/orders/", {"email": EMAIL, "shipping_address": ADDRESS}).json()
    buyer = with_token(paid["token"])
    pay(buyer, simulator, paid["number"])
    numbers = {paid["number"], *(place_guest_order(mug)[1]["number"] for _ in range(3))}
    of_another = place_guest_order(mug, email="grace@example.org")[1]["number"]
    eves = place_order(as_stranger, mug)["number"]
    work()
    review = {"rating": 5, "title": "Good", "body": "Holds coffee"}
    assert numbers_of(grace) == set()
    assert client_of(grace).post(f"{API}/products/{mug.pk}/reviews/", review).status_code == 409

    verify(grace)

    assert numbers_of(grace) == numbers
    client = client_of(grace)
    assert order_of(client, paid["number"])["payment_status"] == "paid"
    assert client.get(f"{API}/payments/{Payment.objects.get().pk}/").json()["client_secret"]
    assert PromotionUse.objects.get(order_number=paid["number"]).user == grace
    assert client.post(f"{API}/products/{mug.pk}/reviews/", review).status_code == 201
    exported = client.get(f"{API}/users/me/export/").json()
    assert {order["number"] for order in exported["orders"]} == numbers
    # Those of others stay theirs, and the guest's token still works.
    assert dict(Order.objects.filter(number__in=[of_another, eves]).values_list("number", "user__email")) == {
        of_another: None,
        eves: "eve@example.com",
    }
    assert order_of(buyer, paid["number"])["number"] == paid["number"]
    # So does a later order of a guest with the address.
    _, later = place_guest_order(mug)
    work()
    assert numbers_of(grace) == {*numbers, later["number"]}
    assert audit.violations() == []


def test_every_way_to_verify_claims(mug: Product, make_user: Callable[..., User], staff: User) -> None:
    reset, changed, ticked = (make_user(email=f"{name}@example.com") for name in ("reset", "changed", "ticked"))
    new = "new@example.com"
    orders = {place_guest_order(mug, email=email)[1]["number"] for email in (reset.email, new, ticked.email)}
    client_of().post(f"{API}/auth/password/reset/", {"email": reset.email})
    client_of(changed).post(f"{API}/auth/email/change/", {"email": new, "password": PASSWORD})
    mails = {mail.recipients()[0]: mail for mail in work()}
    link = {**link_in(mails[reset.email], "reset-password"), "new_password": "another-horse-battery"}
    assert client_of().post(f"{API}/auth/password/reset/confirm/", link).status_code == 204
    link = link_in(mails[new], "change-email")
    assert client_of().post(f"{API}/auth/email/change/confirm/", link).status_code == 204
    browser, page = browser_of(staff), url_of("accounts.user", "change", ticked.pk)
    assert browser.post(page, {**filled_in(browser.get(page)), "email_verified": "on"}).status_code == 302
    work()
    owners = dict(Order.objects.filter(number__in=orders).values_list("email", "user__email"))
    assert owners == {reset.email: reset.email, new: new, ticked.email: ticked.email}


def test_placing_and_verifying_at_the_same_time(mug: Product, grace: User) -> None:
    guests = [guest_with_cart(mug) for _ in range(3)]
    client_of(grace).post(f"{API}/auth/email/verify/", {})
    (mail,) = work()
    link = link_in(mail, "verify-email")

    def place(guest: APIClient) -> int:
        return guest.post(f"{API}/orders/", {"email": EMAIL, "shipping_address": ADDRESS}).status_code

    done = run_concurrently(
        lambda: client_of().post(f"{API}/auth/email/verify/confirm/", link).status_code,
        *(lambda guest=guest: place(guest) for guest in guests),
        lambda: jobs.run_due() * 0,
    )
    assert done == [204, 201, 201, 201, 0]
    work()
    assert len(numbers_of(grace)) == 3
    assert audit.violations() == []


def test_orders_that_strangers_place_do_not_use_up_an_account_s_limits(
    mug: Product, grace: User, simulator: StripeSimulator, settings: Any
) -> None:
    settings.RATE_LIMITS = True
    settings.UNPAID_ORDERS_PER_CUSTOMER, settings.FAILED_PAYMENTS_PER_CUSTOMER = 1, 1
    User.objects.filter(pk=grace.pk).update(email_verified=True)
    stranger, order = place_guest_order(mug)
    opened = open_payment(stranger, order["number"])
    work()
    assert Order.objects.get().user == grace
    # A card is declined after the claim, as well.
    with suppress(ApiError):
        simulator.pay(opened["payment_intent"], "pm_card_chargeDeclined")
    deliver(simulator)
    assert Payment.objects.get().declines == 1
    own = place_order(client_of(grace), mug)["number"]
    assert open_payment(client_of(grace), own)["customer_session_client_secret"]
    # Nor do they see its saved cards.
    assert open_payment(stranger, order["number"])["customer_session_client_secret"] == ""
    assert audit.violations() == []


def test_an_unverified_or_deleted_account_claims_nothing(mug: Product, grace: User) -> None:
    _, order = place_guest_order(mug)
    claiming.claim(user=str(grace.pk))
    work()
    assert numbers_of(grace) == set()
    User.objects.filter(pk=grace.pk).update(email_verified=True)
    assert client_of(grace).delete(f"{API}/users/me/").status_code == 204
    claiming.claim(user=str(grace.pk))
    work()
    assert Order.objects.values_list("user", "email").get() == (None, EMAIL)
    assert order["email"] == EMAIL


def test_orders_of_the_previous_release_get_their_address(
    mug: Product, as_customer: APIClient, customer: User, as_stranger: APIClient
) -> None:
    number, detached = place_order(as_customer, mug)["number"], place_order(as_stranger, mug)["number"]
    assert as_stranger.delete(f"{API}/users/me/").status_code == 204
    collection = connection.database.get_collection("orders_order")
    collection.update_many({}, {"$unset": {"email": ""}})
    assert order_of(as_customer, number)["email"] == ""
    run_task("orders.add_addresses")
    assert order_of(as_customer, number)["email"] == customer.email
    assert {row["number"]: row["email"] for row in collection.find()} == {number: customer.email, detached: ""}
    assert audit.violations() == []


def test_a_claimed_order_may_be_a_strangers(mug: Product, grace: User) -> None:
    User.objects.filter(pk=grace.pk).update(email_verified=True)
    place_guest_order(mug)
    # The claim comes before the mail.
    work()
    minutes_pass()
    mails = work()
    assert [mail.recipients() for mail in mails] == [[EMAIL]]
    assert ADDRESS["name"] not in mails[0].body
    # Nor does it prevent the deletion of the account.
    Order.objects.update(payment_status="processing")
    assert client_of(grace).delete(f"{API}/users/me/").status_code == 204
    assert list(Order.objects.values_list("user", "email")) == [(None, "")]
