"""Accounts with many rows: deleted and handed over at once, their rows detached by a job."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts import closing
from accounts.models import Address, KnownNetwork, TokenFamily, User
from accounts.tokens import issue_tokens
from cart.models import Cart
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product
from conftest import ADDRESS, PASSWORD, client_of
from orders import services as order_services
from orders.events import Actor
from orders.models import Order
from orders.reviews.models import Review
from payments.models import Payment
from shop import audit
from shop.db.transactions import transactional
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.mails import link_in, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, place_order, run_concurrently
from shop.jobs import Job, run_due

pytestmark = pytest.mark.django_db

ME = f"{API}/users/me/"
AT_ONCE = 2
ORDERS = 5


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "ROWS_AT_ONCE", AT_ONCE)


@pytest.fixture
def free(make_product: Callable[..., Product]) -> Product:
    """A product whose orders are paid at placing."""
    return make_product("Sample", price="0.00", stock=100)


def trade(client: APIClient, product: Product, *, orders: int = ORDERS) -> list[str]:
    assert client.post(f"{ME}addresses/", ADDRESS).status_code == 201
    numbers = [place_order(client, product, note="For Ada")["number"] for _ in range(orders)]
    assert client.post(f"{API}/products/{product.pk}/reviews/", {"rating": 5, "title": "Good"}).status_code == 201
    add_to_cart(client, product)
    return numbers


def finish() -> int:
    """Run all jobs; return how many times."""
    return sum(iter(lambda: run_due(limit=1), 0))


def test_a_long_history_does_not_delay_the_deletion(
    customer: User, as_customer: APIClient, as_stranger: APIClient, free: Product
) -> None:
    numbers, theirs = trade(as_customer, free), trade(as_stranger, free, orders=1)
    pair = issue_tokens(customer)
    customer.groups.add(Group.objects.create(name="Testers"))
    User.objects.filter(pk=customer.pk).update(avatar="avatars/ada.webp", phone="+44 20 7946 0000")

    reply = as_customer.delete(ME)

    assert (reply.status_code, reply.content) == (204, b"")
    # Nothing works any more, and nothing personal can be read.
    assert refusal(as_customer.get(ME), 401) == ("user_not_found", None)
    assert client_of().post(f"{API}/auth/refresh/", {"refresh": pair["refresh"]}).status_code == 401
    for email in ("ada@example.com", f"{customer.pk}@closed.invalid"):
        assert client_of().post(f"{API}/auth/login/", {"email": email, "password": PASSWORD}).status_code == 401
    closed = User.objects.get(pk=customer.pk)
    assert closed.closed_at is not None
    assert not any(word in str(vars(closed)) for word in ("ada@", "Ada", "7946", "avatars/"))
    assert not closed.groups.exists()
    for model in (Address, TokenFamily, KnownNetwork, Cart):
        assert not model._base_manager.filter(user=customer.pk).exists()
    assert Order.objects.filter(user=customer.pk).count() == ORDERS - AT_ONCE
    # The address is free.
    body = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
    again = client_of().post(f"{API}/auth/register/", body)
    assert again.status_code == 201
    assert not audit.violations()

    with capture_logs() as lines:
        finish()

    # No mail about orders that still belong to the account.
    assert "mail_undeliverable" not in [line["event"] for line in lines]
    assert not User.objects.filter(pk=customer.pk).exists()
    assert set(Order.objects.filter(number__in=numbers).values_list("user", "note")) == {(None, "For Ada")}
    assert not Order.objects.filter(number__in=numbers, detached_at=None).exists()
    assert Review.objects.filter(user=None, title="Good").count() == 1
    assert User.objects.get(email="ada@example.com").pk != customer.pk
    assert [order["number"] for order in as_stranger.get(f"{API}/orders/").json()["results"]] == theirs
    assert not Job.objects.exists()
    assert not audit.violations()


def test_each_kind_of_row_is_detached_in_batches(customer: User, as_customer: APIClient, free: Product) -> None:
    place_order(as_customer, free)
    order, coupon = Order.objects.get(), Promotion.objects.create(code="TEN", kind="fixed", value=10)
    Order.objects.update(status="cancelled")
    for n in range(ORDERS):
        order.pk, order.number, order.cart_revision = None, f"N{n}", n + 100
        order.save(force_insert=True)
        Payment(order=order, order_number=order.number, user=customer, amount=1, currency="usd").save()
        PromotionUse(promotion=coupon, user=customer, order_number=order.number).save()
        KnownNetwork(pk=f"{n}", user=customer, expires_at=timezone.now() + timedelta(days=1)).save(force_insert=True)
        Review(product_id=str(n) * 24, user=customer, rating=3, is_hidden=n % 2 == 0).save()

    assert as_customer.delete(ME).status_code == 204

    # A new account may have the same address.
    assert not KnownNetwork.objects.exists()
    models = (Payment, PromotionUse, Review)
    left = [model._base_manager.filter(user=customer.pk).count() for model in models]
    assert left == [ORDERS - AT_ONCE] * len(models)
    # Reviews first.
    assert Order.objects.filter(user=customer.pk).count() == ORDERS + 1
    finish()
    assert not User.objects.filter(pk=customer.pk).exists()
    assert [model._base_manager.count() for model in models] == [ORDERS, ORDERS, ORDERS // 2]
    assert not Order.objects.exclude(user=None).exists()


def test_a_review_is_withdrawn_with_its_order_while_the_account_is_being_deleted(
    customer: User, as_customer: APIClient, free: Product, make_product: Callable[..., Product]
) -> None:
    bowl = make_product("Bowl", price="0.00", stock=5)
    number = place_order(as_customer, bowl)["number"]
    assert as_customer.post(f"{API}/products/{bowl.pk}/reviews/", {"rating": 1}).status_code == 201
    # These are detached first.
    trade(as_customer, free, orders=AT_ONCE)
    assert as_customer.delete(ME).status_code == 204
    review, order = Review.objects.get(product=bowl), Order.objects.get(number=number)
    assert (review.user_id, review.order, order.user_id) == (None, order.pk, customer.pk)

    order_services.cancel_order(order=order, actor=Actor.STAFF)

    finish()
    assert list(Review.objects.values_list("product", "is_withdrawn").order_by("is_withdrawn")) == [
        (free.pk, False),
        (bowl.pk, True),
    ]
    assert not audit.violations()


def test_a_deletion_sends_as_many_commands_for_any_history(
    make_user: Callable[..., User], free: Product, subtests: pytest.Subtests
) -> None:
    commands = []
    for orders in (AT_ONCE + 1, 3 * AT_ONCE):
        user = make_user()
        client = client_of(user)
        trade(client, free, orders=orders)
        # Nothing left to send: they are erased at once.
        Order.objects.filter(user=user).update(fulfilment_status="delivered")
        with count_commands() as sent:
            assert client.delete(ME).status_code == 204
        commands.append(sent.names)
    assert commands[0] == commands[1]


def test_a_job_that_fails_halfway_goes_on_where_it_was(customer: User, as_customer: APIClient, free: Product) -> None:
    trade(as_customer, free)
    finish()
    assert as_customer.delete(ME).status_code == 204
    assert run_due() == 1
    left = ORDERS - 2 * AT_ONCE
    assert Order.objects.filter(user=customer.pk).count() == left
    # After the write to the orders.
    with failing("update", Payment, times=None, errorCode=11600, errorLabels=[]):
        assert run_due() == 1
    assert Order.objects.filter(user=customer.pk).count() == left
    assert User.objects.filter(pk=customer.pk).exists()
    Job.objects.update(run_at=timezone.now())
    finish()
    assert not User.objects.filter(pk=customer.pk).exists()
    assert not Order.objects.exclude(user=None).exists()


def test_an_order_placed_at_the_same_moment_does_not_stay_with_the_account(
    make_user: Callable[..., User], free: Product, make_product: Callable[..., Product]
) -> None:
    dear = make_product(price="10.00", stock=100)
    for _ in range(2):
        user = make_user()
        leaving, buying = client_of(user), client_of(user)
        trade(buying, free, orders=AT_ONCE + 1)
        add_to_cart(buying, dear)
        run_concurrently(
            lambda client=leaving: client.delete(ME).status_code,
            lambda client=buying: client.post(f"{API}/orders/", {"shipping_address": ADDRESS}).status_code,
        )
        if User.objects.get(pk=user.pk).closed_at is None:
            assert leaving.delete(ME).status_code == 204
        assert not Order.objects.filter(user=user.pk, status="pending").exists()
    finish()
    assert not Order.objects.exclude(user=None).exists()
    assert not audit.violations()


def test_staff_delete_such_an_account_at_once_and_cannot_edit_what_is_left(
    staff: User, customer: User, as_customer: APIClient, free: Product
) -> None:
    trade(as_customer, free)
    browser = browser_of(staff)
    deleted = browser.post(url_of("accounts.user", "delete", customer.pk), {"post": "yes"})
    assert deleted.status_code == 302
    assert "Being deleted" in browser.get(url_of("accounts.user")).content.decode()
    assert browser.post(url_of("accounts.user", "delete", customer.pk), {"post": "yes"}).status_code == 403
    page = browser.get(url_of("accounts.user", "change", customer.pk)).content.decode()
    assert 'name="is_active"' not in page
    finish()
    assert not User.objects.filter(pk=customer.pk).exists()


def test_the_owner_of_an_address_gets_a_new_account_if_the_old_one_has_a_long_history(
    make_user: Callable[..., User], free: Product, make_product: Callable[..., Product]
) -> None:
    holder = make_user(email="owner@example.com", name="Mallory Stranger")
    stranger = client_of(holder)
    numbers = trade(stranger, free)
    unpaid = place_order(stranger, make_product(price="10.00"))["number"]
    client_of().post(f"{API}/auth/password/reset/", {"email": holder.email})
    (mail,) = [mail for mail in work() if mail.subject == "Choose a new password"]
    new = {"new_password": "another-horse-battery"}
    confirm = f"{API}/auth/password/reset/confirm/"
    link = link_in(mail, "reset-password")

    assert client_of().post(confirm, {**link, **new}).status_code == 204

    login = {"email": holder.email, "password": new["new_password"]}
    reply = client_of().post(f"{API}/auth/login/", login)
    assert reply.status_code == 200
    owner = client_of(User.objects.get(email=holder.email))
    me = reply.json()["user"]
    assert (me["name"], me["email_verified"], me["id"] != str(holder.pk)) == ("", True, True)
    assert owner.get(f"{API}/orders/").json()["count"] == 0
    assert cart_of(owner)["items"] == []
    assert owner.get(f"{ME}addresses/").json()["count"] == 0
    # The earlier holder, and the link, are out.
    assert stranger.get(ME).status_code == 401
    assert refusal(client_of().post(confirm, {**link, **new}), 400) == ("invalid_token", "token")
    subjects = [mail.subject for mail in work()]
    assert "Your password was changed" in subjects

    finish()

    assert not User.objects.filter(pk=holder.pk).exists()
    assert set(Order.objects.filter(number__in=[*numbers, unpaid]).values_list("user", flat=True)) == {None}
    assert Order.objects.get(number=unpaid).status == "cancelled"
    assert not audit.violations()


def test_the_audit_reports_an_account_whose_deletion_does_not_end(customer: User) -> None:
    transactional("tests.close")(closing.close)(customer)
    assert not audit.violations()
    User.objects.filter(pk=customer.pk).update(closed_at=timezone.now() - timedelta(days=2))
    (found,) = audit.violations()
    assert f"account {customer.pk} was closed at" in str(found)
