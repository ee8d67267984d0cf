"""A reset link gives an account with an unverified address to its owner, without the earlier holder's data."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts import services
from accounts.authentication import AccessTokenAuthentication
from accounts.links import RESET
from accounts.models import Address, KnownNetwork, TokenFamily, User
from accounts.tokens import issue_tokens
from cart.models import Cart
from cart.promotions.models import PromotionUse
from catalog.models import Product
from conftest import PASSWORD, client_of
from orders.models import Order
from orders.reviews.models import Review
from payments.models import Payment
from shop import audit
from shop.dev.stripe_simulator import ApiError, StripeSimulator
from shop.dev.testing.admin import browser_of
from shop.dev.testing.failures import failing
from shop.dev.testing.images import image_file
from shop.dev.testing.mails import all_at_the_link, link_in, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import (
    API,
    add_to_cart,
    cart_of,
    dump_database,
    order_of,
    place_order,
    run_concurrently,
    stock_of,
)
from shop.dev.testing.stripe_steps import deliver, open_payment, pay
from shop.jobs import Job

pytestmark = pytest.mark.django_db

OWNER = "owner@example.com"
NEW_PASSWORD = "another-horse-battery"
ADDRESS = {
    "name": "Mallory Stranger",
    "line1": "1 Stranger Street",
    "city": "Strangertown",
    "postal_code": "S1",
    "country": "GB",
}


def token_client(access: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


@pytest.fixture
def stranger(db: None) -> APIClient:
    """A user who has registered another person's address, which they cannot verify."""
    body = {"email": OWNER, "password": PASSWORD, "name": "Mallory Stranger"}
    reply = client_of().post(f"{API}/auth/register/", body)
    assert reply.status_code == 201
    return token_client(reply.json()["access"])


def account() -> User:
    return User.objects.get(email=OWNER)


def reset_link() -> dict[str, str]:
    assert client_of().post(f"{API}/auth/password/reset/", {"email": OWNER}).status_code == 202
    (mail,) = [mail for mail in work() if mail.subject == "Choose a new password"]
    return link_in(mail, "reset-password")


def confirm(link: dict[str, str], password: str = NEW_PASSWORD) -> Any:
    return client_of().post(f"{API}/auth/password/reset/confirm/", {**link, "new_password": password})


def log_in(password: str = NEW_PASSWORD, **headers: str) -> APIClient:
    reply = client_of().post(f"{API}/auth/login/", {"email": OWNER, "password": password}, headers=headers)
    assert reply.status_code == 200, reply.content
    return token_client(reply.json()["access"])


def settle_in(stranger: APIClient, make_product: Callable[..., Product]) -> None:
    assert stranger.patch(f"{API}/users/me/", {"phone": "+44 555 0199"}).status_code == 200
    assert stranger.post(f"{API}/users/me/addresses/", ADDRESS).status_code == 201
    add_to_cart(stranger, make_product())
    User.objects.filter(email=OWNER).update(avatar="avatars/stranger.webp")


def mine(client: APIClient) -> dict[str, Any]:
    """Everything that the shop stores about the client's user."""
    reply = client.get(f"{API}/users/me/export/")
    assert reply.status_code == 200
    return reply.json()


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


def test_two_who_follow_the_link_at_once_take_it_over_once(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(stranger, make_product)
    link = reset_link()
    all_at_the_link(monkeypatch, RESET, 2)
    replies = run_concurrently(*[lambda n=n: confirm(link, f"{NEW_PASSWORD}-{n}") for n in range(2)])
    assert sorted(reply.status_code for reply in replies) == [204, 400]
    assert Job.objects.filter(kind="shop.delete_image").count() == 1


WRITES: dict[str, Callable[[APIClient, str], Any]] = {
    "address": lambda client, _: client.post(f"{API}/users/me/addresses/", ADDRESS),
    "changed address": lambda client, pk: client.patch(f"{API}/users/me/addresses/{pk}/", {"line2": "Stranger"}),
    "profile": lambda client, _: client.patch(f"{API}/users/me/", {"name": "Mallory Stranger", "phone": "+44 555"}),
    "picture": lambda client, _: client.put(f"{API}/users/me/avatar/", {"image": image_file()}, format="multipart"),
    "no picture": lambda client, _: client.delete(f"{API}/users/me/avatar/"),
    "leaving": lambda client, _: client.delete(f"{API}/users/me/"),
}


def in_flight(monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any]) -> None:
    """Run ``then`` after the next request is authenticated, before it does anything."""
    authenticate = AccessTokenAuthentication.authenticate

    def first_then(self: Any, request: Any) -> Any:
        found = authenticate(self, request)
        monkeypatch.setattr(AccessTokenAuthentication, "authenticate", authenticate)
        then()
        return found

    monkeypatch.setattr(AccessTokenAuthentication, "authenticate", first_then)


def state() -> dict[str, Any]:
    """The rows that belong to an account."""
    names = ("accounts_user", "accounts_address", "cart_cart", "orders_order", "orders_review")
    return {name: list(connection.database[name].find(sort=[("_id", 1)])) for name in names}


@pytest.mark.parametrize("write", list(WRITES))
def test_a_write_that_was_under_way_does_not_land_after_the_takeover(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    settle_in(stranger, make_product)
    link, pk = reset_link(), str(Address.objects.get().pk)
    after: list[dict] = []

    def take_over() -> None:
        assert confirm(link).status_code == 204
        after.append(state())

    in_flight(monkeypatch, take_over)
    reply = WRITES[write](stranger, pk)
    assert reply.status_code in (401, 404), reply.content
    assert state() == after[0]
    owner = log_in()
    assert mine(owner)["addresses"] == []


def test_a_cart_that_was_being_filled_is_not_the_owner_s(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(stranger, make_product)
    link, product = reset_link(), make_product()
    in_flight(monkeypatch, lambda: confirm(link))
    reply = stranger.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": 1})
    assert refusal(reply, 401) == ("user_not_found", None)
    assert not Cart.objects.exists()


def test_an_order_that_was_being_placed_finds_no_cart(
    stranger: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(stranger, make_product)
    link = reset_link()
    in_flight(monkeypatch, lambda: confirm(link))
    reply = stranger.post(f"{API}/orders/", {"shipping_address": ADDRESS})
    assert refusal(reply, 400) == ("empty_cart", None)
    assert not Order.objects.exists()


def test_whatever_a_stranger_writes_at_the_same_moment_the_owner_has_none_of_it(
    make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=100)
    for _ in range(3):
        user = make_user(name="Mallory Stranger")
        clients = [token_client(issue_tokens(user)["access"]) for _ in range(4)]
        add_to_cart(clients[0], product)
        user.refresh_from_db()
        run_concurrently(
            lambda user=user: services.reset_password(user=user, new_password=NEW_PASSWORD),
            lambda client=clients[0]: client.post(f"{API}/users/me/addresses/", ADDRESS),
            lambda client=clients[1]: client.patch(f"{API}/users/me/", {"name": "Mallory"}),
            lambda client=clients[2]: client.post(f"{API}/orders/", {"shipping_address": ADDRESS}),
            lambda client=clients[3]: client.post(f"{API}/cart/items/", {"product": str(product.pk), "quantity": 1}),
        )
        user.refresh_from_db()
        assert (user.name, user.email_verified) == ("", True)
        assert not Address.objects.filter(user=user).exists()
        assert not Cart.objects.filter(user=user).exists()
        assert not Order.objects.filter(user=user).exists()
        assert not PromotionUse.objects.filter(user=user).exists()
        assert not TokenFamily.objects.filter(user=user, version=user.token_version).exists()
    work()
    assert not Order.objects.filter(status="pending").exists()
    assert not audit.violations()


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
