"""``Idempotency-Key`` on orders, payments and refunds."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from conftest import ADDRESS, client_of
from orders.models import Order
from payments.models import Payment, Refund
from shop.api.idempotency import IdempotencyRecord
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.failures import failing
from shop.dev.testing.replies import refusal
from shop.dev.testing.routes import schema
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import pay

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

ORDERS = f"{API}/orders/"
REPLAYED = "Idempotency-Replayed"


def send(client: APIClient, key: str = "k1", path: str = ORDERS, **body: Any) -> Any:
    body = body or {"shipping_address": ADDRESS}
    return client.post(path, body, headers={"Idempotency-Key": key})


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(price="10.00", stock=50)


def test_the_same_request_again_answers_with_the_same_order_and_places_no_other(
    as_customer: APIClient, product: Product
) -> None:
    add_to_cart(as_customer, product)
    first = send(as_customer)
    assert first.status_code == 201
    assert REPLAYED not in first
    add_to_cart(as_customer, product)
    again = send(as_customer)
    assert (again.status_code, again[REPLAYED]) == (201, "true")
    assert again.json() == first.json()
    assert Order.objects.count() == 1
    assert stock_of(product) == 49


def test_a_replay_shows_the_order_as_it_is_now(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    number = send(as_customer).json()["number"]
    as_customer.post(f"{ORDERS}{number}/cancel/", {})
    again = send(as_customer)
    assert (again.status_code, again.json()) == (201, order_of(as_customer, number))
    assert again.json()["status"] == "cancelled"


def test_the_order_of_the_bodys_names_does_not_matter_its_content_does(
    as_customer: APIClient, product: Product
) -> None:
    add_to_cart(as_customer, product)
    assert send(as_customer, shipping_address=ADDRESS, note="a").status_code == 201
    backwards = {"note": "a", "shipping_address": dict(reversed(ADDRESS.items()))}
    assert send(as_customer, **backwards)[REPLAYED] == "true"
    other = send(as_customer, shipping_address=ADDRESS, note="b")
    assert refusal(other, 422) == ("idempotency_key_reused", None)
    assert Order.objects.count() == 1


def test_another_key_is_another_request(as_customer: APIClient, product: Product) -> None:
    numbers = set()
    for key in ("k1", "k2", "K1", "k1 "):
        add_to_cart(as_customer, product)
        reply = send(as_customer, key)
        assert reply.status_code == 201
        numbers.add(reply.json()["number"])
    assert len(numbers) == Order.objects.count()


def test_a_key_is_its_users_own(as_customer: APIClient, as_stranger: APIClient, product: Product) -> None:
    replies = []
    for client in (as_customer, as_stranger):
        add_to_cart(client, product)
        replies.append(send(client))
    assert [reply.status_code for reply in replies] == [201, 201]
    assert REPLAYED not in replies[1]
    assert replies[0].json()["number"] != replies[1].json()["number"]


def test_a_key_is_its_routes_own(as_customer: APIClient, product: Product, simulator: StripeSimulator) -> None:
    add_to_cart(as_customer, product)
    number = send(as_customer).json()["number"]
    payment = send(as_customer, path=f"{API}/payments/", order=number)
    assert payment.status_code == 201
    assert REPLAYED not in payment


def test_a_refused_request_frees_its_key(as_customer: APIClient, product: Product) -> None:
    assert refusal(send(as_customer), 400) == ("empty_cart", None)
    assert not IdempotencyRecord.objects.exists()
    add_to_cart(as_customer, product)
    assert refusal(send(as_customer, shipping_address=ADDRESS, expected_total="1.00"), 409)[0] == "total_changed"
    assert not IdempotencyRecord.objects.exists()
    assert send(as_customer).status_code == 201


def test_a_failed_request_frees_its_key(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    as_customer.raise_request_exception = False
    with failing("insert", Order, errorCode=8000):
        assert refusal(send(as_customer), 500) == ("error", None)
    assert not IdempotencyRecord.objects.exists()
    assert stock_of(product) == 50
    assert send(as_customer).status_code == 201


def test_a_request_whose_database_time_is_over_frees_its_key(
    as_customer: APIClient, product: Product, settings: Any
) -> None:
    add_to_cart(as_customer, product)
    settings.REQUEST_DATABASE_SECONDS = 0.4
    with failing("insert", Order, times=None, blockConnection=True, blockTimeMS=900):
        assert refusal(send(as_customer), 503) == ("database_unavailable", None)
    settings.REQUEST_DATABASE_SECONDS = 7
    reply = send(as_customer)
    assert (reply.status_code, REPLAYED in reply) == (201, False)
    assert Order.objects.count() == 1


def test_a_key_that_cannot_be_freed_does_not_hide_what_happened(as_customer: APIClient) -> None:
    with failing("delete", IdempotencyRecord, errorCode=8000):
        assert refusal(send(as_customer), 400) == ("empty_cart", None)
    assert refusal(send(as_customer), 409) == ("request_in_progress", None)


@pytest.mark.parametrize("key", ["", "x" * 256, "käse", "snow\u2603", "a\tb", "a\x7fb"], ids=repr)
def test_a_bad_key_is_a_400_and_nothing_is_done(as_customer: APIClient, product: Product, key: str) -> None:
    add_to_cart(as_customer, product)
    assert refusal(send(as_customer, key), 400) == ("invalid_idempotency_key", "Idempotency-Key")
    assert not Order.objects.exists()


@pytest.mark.parametrize("length", [1, 255])
def test_a_key_may_have_1_to_255_characters(as_customer: APIClient, product: Product, length: int) -> None:
    add_to_cart(as_customer, product)
    assert send(as_customer, "x" * length).status_code == 201
    assert send(as_customer, "x" * length)[REPLAYED] == "true"


def test_keys_and_replays_are_described() -> None:
    operation = schema()["paths"][f"{API}/payments/"]["post"]
    key = {each["name"]: each["schema"] for each in operation["parameters"]}["Idempotency-Key"]
    assert (key["minLength"], key["maxLength"]) == (1, 255)
    replayed = [status for status, reply in operation["responses"].items() if REPLAYED in reply.get("headers", {})]
    assert sorted(replayed) == ["200", "201"]


def test_a_twin_in_flight_is_a_409(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    send(as_customer)
    IdempotencyRecord.objects.update(status=None, reference="")
    assert refusal(send(as_customer), 409) == ("request_in_progress", None)
    assert refusal(send(as_customer, shipping_address=ADDRESS, note="x"), 422)[0] == "idempotency_key_reused"


def test_a_claim_that_died_is_taken_over_when_it_has_expired(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    send(as_customer)
    IdempotencyRecord.objects.update(
        status=None, reference="", claimed_until=timezone.now() - timedelta(milliseconds=1)
    )
    add_to_cart(as_customer, product)
    reply = send(as_customer)
    assert reply.status_code == 201
    assert REPLAYED not in reply
    assert Order.objects.count() == 2
    assert send(as_customer)[REPLAYED] == "true"


@pytest.mark.parametrize("finished", [True, False])
def test_another_body_may_have_the_key_of_an_expired_claim_and_never_of_a_result(
    as_customer: APIClient, product: Product, finished: bool
) -> None:
    add_to_cart(as_customer, product)
    send(as_customer)
    IdempotencyRecord.objects.update(claimed_until=timezone.now() - timedelta(milliseconds=1))
    if not finished:
        IdempotencyRecord.objects.update(status=None, reference="")
    add_to_cart(as_customer, product)
    other = send(as_customer, shipping_address=ADDRESS, note="another")
    assert (other.status_code, Order.objects.count()) == ((422, 1) if finished else (201, 2))


def test_who_lost_its_claim_while_it_worked_rolls_back(customer: User, product: Product) -> None:
    add_to_cart(client_of(customer), product)
    slow = client_of(customer)

    def taken_over() -> Any:
        give_up_at = time.monotonic() + 5
        while not IdempotencyRecord.objects.exists() and time.monotonic() < give_up_at:
            time.sleep(0.01)
        return IdempotencyRecord.objects.update(token="somebody else's")

    with failing("insert", Order, blockConnection=True, blockTimeMS=1000):
        reply, taken = run_concurrently(lambda: send(slow), taken_over)

    assert taken == 1
    assert refusal(reply, 409) == ("request_in_progress", None)
    assert not Order.objects.exists()
    assert stock_of(product) == 50
    assert IdempotencyRecord.objects.get().status is None


def test_claims_last_a_minute_and_outcomes_two_days(as_customer: APIClient, product: Product) -> None:
    add_to_cart(as_customer, product)
    before = timezone.now().replace(microsecond=0)
    send(as_customer)
    after = timezone.now()
    record = IdempotencyRecord.objects.get()
    assert before <= record.claimed_until - timedelta(seconds=60) <= after
    assert before <= record.expires_at - timedelta(hours=48) <= after


def test_twenty_requests_at_once_with_one_key_place_one_order(customer: User, product: Product) -> None:
    add_to_cart(client_of(customer), product, 2)

    def one() -> Callable[[], Any]:
        client = client_of(customer)
        return lambda: send(client)

    replies = run_concurrently(*[one() for _ in range(20)])

    assert {reply.status_code for reply in replies} <= {201, 409}
    placed = [reply for reply in replies if reply.status_code == 201]
    assert len({reply.json()["number"] for reply in placed}) == 1
    assert sum(REPLAYED not in reply for reply in placed) == 1
    for reply in replies:
        if reply.status_code == 409:
            assert refusal(reply, 409) == ("request_in_progress", None)
    assert Order.objects.count() == 1
    assert stock_of(product) == 48
    assert send(client_of(customer))[REPLAYED] == "true"


def test_what_is_kept_are_digests_and_an_id(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    add_to_cart(as_customer, product)
    number = send(as_customer, "my-secret-key").json()["number"]
    payment = send(as_customer, "my-secret-key", f"{API}/payments/", order=number).json()
    kept = str(list(connection.database["shop_idempotencyrecord"].find()))
    assert number in kept
    assert payment["id"] in kept
    for secret in ("my-secret-key", payment["client_secret"], payment["payment_intent"], "London", "Ada"):
        assert secret not in kept


def test_opening_a_payment_again_answers_with_the_first_ones_status(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    first = send(as_customer, path=f"{API}/payments/", order=number)
    again = send(as_customer, path=f"{API}/payments/", order=number)
    assert (first.status_code, again.status_code, again[REPLAYED]) == (201, 201, "true")
    assert again.json() == first.json()
    assert send(as_customer, "k2", f"{API}/payments/", order=number).status_code == 200
    assert refusal(send(as_customer, path=f"{API}/payments/", order="AAAAA-AAAAA"), 422)
    assert Payment.objects.count() == len(simulator.state()["payment_intents"]) == 1


def test_a_payment_that_stripe_did_not_answer_frees_its_key(
    as_customer: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    as_customer.raise_request_exception = False
    simulator.fail("refuse")
    refused = send(as_customer, path=f"{API}/payments/", order=number)
    assert refusal(refused, 503) == ("payment_service_unavailable", None)
    assert not IdempotencyRecord.objects.exists()
    simulator.clear_faults()
    assert send(as_customer, path=f"{API}/payments/", order=number).status_code in (200, 201)


def test_a_refund_asked_for_again_is_made_once(
    as_customer: APIClient, as_staff: APIClient, product: Product, simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, product)["number"]
    path = f"{API}/payments/{pay(as_customer, simulator, number)['id']}/refunds/"
    first = send(as_staff, path=path, amount="2.00")
    again = send(as_staff, path=path, amount="2.00")
    assert (first.status_code, again.status_code, again[REPLAYED]) == (201, 201, "true")
    assert again.json() == first.json()
    assert refusal(send(as_staff, path=path, amount="3.00"), 422) == ("idempotency_key_reused", None)
    assert Refund.objects.count() == len(simulator.state()["refunds"]) == 1
    assert send(as_staff, "k2", path, amount="2.00").status_code == 201
    assert Refund.objects.count() == 2
