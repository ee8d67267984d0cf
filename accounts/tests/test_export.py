"""The data export of a user."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection
from rest_framework.test import APIClient

from accounts import export as accounts_export
from accounts.models import User
from accounts.tokens import issue_tokens
from cart.promotions.models import Promotion
from catalog.models import Product
from conftest import ADDRESS, client_of
from orders.models import Order
from orders.serializers import OrderSerializer
from payments.models import Payment
from shop.api import streaming
from shop.api.errors import DatabaseUnavailable
from shop.db import deadline
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, cart_of, order_of, place_order
from shop.dev.testing.stripe_steps import pay
from shop.http.circuit import circuit

pytestmark = pytest.mark.django_db

EXPORT = f"{API}/users/me/export/"
PARTS = {"profile", "addresses", "sessions", "cart", "coupon_uses", "orders", "payments", "reviews", "stripe_customer"}


def exported(client: APIClient) -> dict[str, Any]:
    reply = client.get(EXPORT)
    assert reply.status_code == 200, reply.content
    return reply.json()


@pytest.fixture
def history(
    customer: User,
    as_customer: APIClient,
    as_staff: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
) -> list[str]:
    """Numbers of two orders: one bought with a coupon and refunded in part, one that is not paid."""
    Promotion.objects.create(code="WELCOME", kind="fixed", value=2)
    product = make_product("Mug", price="10.00", stock=50)
    assert as_customer.post(f"{API}/users/me/addresses/", ADDRESS).status_code == 201
    add_to_cart(as_customer, product)
    assert as_customer.put(f"{API}/cart/coupon/", {"code": "welcome"}).status_code == 200
    bought = place_order(as_customer)["number"]
    payment = pay(as_customer, simulator, bought)
    as_staff.post(f"{API}/payments/{payment['id']}/refunds/", {"amount": "3.00", "reason": "A chip"})
    placed = place_order(as_customer, product, note="Ring twice")["number"]
    add_to_cart(as_customer, product, 3)
    review = {"rating": 4, "title": "Good", "body": "Holds tea."}
    assert as_customer.post(f"{API}/products/mug/reviews/", review).status_code == 201
    return [bought, placed]


def test_it_holds_all_that_is_kept_about_the_person(customer: User, as_customer: APIClient, history: list[str]) -> None:
    User.objects.filter(pk=customer.pk).update(avatar="avatars/ada.webp")

    export = exported(as_customer)

    assert set(export) == PARTS
    me = as_customer.get(f"{API}/users/me/").json()
    assert export["profile"] == {**me, "new_email": "", "last_admin_login": None}
    assert export["profile"]["avatar"] == "http://testserver/media/avatars/ada.webp"
    assert export["addresses"] == as_customer.get(f"{API}/users/me/addresses/").json()["results"]
    assert export["cart"] == cart_of(as_customer)
    assert export["orders"] == [{**order_of(as_customer, number), "invoices": []} for number in history]
    assert [entry["event"] for entry in export["orders"][0]["timeline"]] == ["placed", "paid", "refunded"]
    ((use),) = export["coupon_uses"]
    assert (use["coupon"], use["order"]) == ("WELCOME", history[0])
    own = as_customer.get(f"{API}/products/mug/reviews/", {"mine": "true"}).json()["results"]
    product = str(Product.objects.get(name="Mug").pk)
    assert export["reviews"] == [{"product": product, **review} for review in own]
    assert export["reviews"][0]["body"] == "Holds tea."
    assert export["stripe_customer"].startswith("cus_")
    (payment,) = export["payments"]
    assert (payment["order"], payment["status"], payment["amount"]) == (history[0], "succeeded", "8.00")
    (refund,) = payment["refunds"]
    assert (refund["amount"], refund["reason"], refund["status"]) == ("3.00", "A chip", "succeeded")


def test_it_holds_no_secret(customer: User, as_customer: APIClient, history: list[str]) -> None:
    pair = issue_tokens(customer)
    text = as_customer.get(EXPORT).content.decode()
    row = User.objects.get(pk=customer.pk)
    for secret in (Payment.objects.get().client_secret, row.password, pair["refresh"], "token", "secret", "jti"):
        assert secret not in text


def test_of_logins_only_the_dates_are_exported(customer: User, as_customer: APIClient) -> None:
    issue_tokens(customer)
    sessions = exported(as_customer)["sessions"]
    assert [set(session) for session in sessions] == [{"created_at", "expires_at"}] * 2


def test_it_contains_nothing_of_other_users(
    customer: User, as_customer: APIClient, as_stranger: APIClient, history: list[str]
) -> None:
    export = exported(as_stranger)
    assert export["profile"]["email"] == "eve@example.com"
    assert len(export["sessions"]) == 1
    assert export["cart"]["items"] == []
    for name in PARTS - {"profile", "sessions", "cart"}:
        assert not export[name], name
    assert "ada@example.com" not in json.dumps(export)


def test_it_is_a_file_that_is_not_cached(as_customer: APIClient) -> None:
    reply = as_customer.get(EXPORT)
    assert reply["Content-Type"] == "application/json"
    assert reply["Content-Disposition"].startswith('attachment; filename="account-2')
    assert reply["Content-Disposition"].endswith('.json"')
    assert reply["Cache-Control"] == "no-store"


def test_it_asks_as_much_of_the_database_for_a_long_history_as_for_a_short_one(
    as_customer: APIClient,
    history: list[str],
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
) -> None:
    with count_commands() as short:
        exported(as_customer)
    product = make_product(stock=50)
    for _ in range(3):
        as_customer.put(f"{API}/cart/coupon/", {"code": "welcome"})
        number = place_order(as_customer, product)["number"]
        pay(as_customer, simulator, number)
    add_to_cart(as_customer, product)
    with count_commands() as long:
        export = exported(as_customer)
    assert [len(export[name]) for name in ("orders", "payments", "coupon_uses")] == [5, 4, 4]
    assert long.names == short.names


@pytest.fixture
def long_history(customer: User, as_customer: APIClient, history: list[str], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Let replies of any size be streamed, in pieces of three rows; return the reply in one piece."""
    orders = connection.database[Order._meta.db_table]
    template = orders.find_one({"user_id": customer.pk})
    orders.insert_many({**template, "_id": ObjectId(), "number": f"N{n}", "cart": ObjectId()} for n in range(7))
    whole = as_customer.get(EXPORT).content
    monkeypatch.setattr(streaming, "STREAMED_FROM", 0)
    monkeypatch.setattr(accounts_export, "CHUNK", 3)
    return whole


def test_a_long_history_is_streamed_in_batches(as_customer: APIClient, long_history: bytes) -> None:
    reply = as_customer.get(EXPORT)
    assert reply.streaming
    with count_commands() as commands:
        assert reply.getvalue() == long_history
    assert len(json.loads(long_history)["orders"]) == 9
    assert [command.document["pipeline"][-1] for command in commands.on("orders_order")] == [{"$limit": 3}] * 4
    assert reply["Content-Disposition"].endswith('.json"')
    assert (reply["Content-Type"], reply["Cache-Control"]) == ("application/json", "no-store")


def test_each_batch_has_the_database_time_of_a_request(
    as_customer: APIClient, long_history: bytes, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []
    show = OrderSerializer.to_representation

    def shown(serializer: OrderSerializer, order: Order) -> dict[str, Any]:
        left.append(deadline.database_seconds_left())
        return show(serializer, order)

    monkeypatch.setattr(OrderSerializer, "to_representation", shown)
    assert as_customer.get(EXPORT).getvalue() == long_history
    assert len(left) == 9
    assert all(settings.REQUEST_DATABASE_SECONDS / 2 < each <= settings.REQUEST_DATABASE_SECONDS for each in left)


def test_an_outage_in_the_middle_never_looks_complete(as_customer: APIClient, long_history: bytes) -> None:
    reply = as_customer.get(EXPORT)
    sent: list[bytes] = []
    with failing("aggregate", Order, skip=1, errorCode=50), pytest.raises(DatabaseUnavailable):
        sent.extend(reply)
    circuit.close()
    assert long_history.startswith(b"".join(sent))
    assert b'"orders":[{' in b"".join(sent)
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(sent))


def test_the_eleventh_within_an_hour_is_429(as_customer: APIClient, as_stranger: APIClient, settings: Any) -> None:
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {scope: (most, 10**11) for scope, (most, _) in settings.RATE_LIMIT_RULES.items()}
    assert [as_customer.get(EXPORT).status_code for _ in range(11)] == [200] * 10 + [429]
    assert as_stranger.get(EXPORT).status_code == 200


def test_it_requires_a_login(anonymous: APIClient, make_user: Callable[..., User]) -> None:
    assert refusal(anonymous.get(EXPORT), 401) == ("not_authenticated", None)
    gone = make_user()
    client = client_of(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert refusal(client.get(EXPORT), 401) == ("user_not_found", None)
