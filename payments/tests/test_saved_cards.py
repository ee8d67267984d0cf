"""Details of PaymentIntents, and the Stripe Customer of an account with its saved cards."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product
from payments.models import Payment, StripeCustomer
from shop import jobs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, place_order, run_concurrently
from shop.dev.testing.stripe_steps import open_payment

pytestmark = pytest.mark.django_db

PAYMENTS = f"{API}/payments/"


@pytest.fixture
def order(as_customer: APIClient, make_product: Callable[..., Product]) -> Callable[[], str]:
    product = make_product(price="10.00", stock=50)
    return lambda: place_order(as_customer, product)["number"]


def test_an_intent_says_what_was_ordered_by_whom_and_where_it_goes(
    as_customer: APIClient, order: Callable[[], str], simulator: StripeSimulator
) -> None:
    number = order()
    open_payment(as_customer, number)
    (intent,) = simulator.state()["payment_intents"]
    assert (intent["description"], intent["receipt_email"]) == (f"Order {number}", "ada@example.com")
    assert intent["shipping"]["name"] == "Ada Lovelace"
    assert intent["shipping"]["address"] == {
        "line1": "12 St James's Square",
        "city": "London",
        "postal_code": "SW1Y 4JH",
        "country": "GB",
    }


def test_an_account_has_one_customer_whose_cards_each_payment_offers(
    as_customer: APIClient, customer: User, order: Callable[[], str], simulator: StripeSimulator
) -> None:
    first, second = open_payment(as_customer, order()), open_payment(as_customer, order())
    (known,) = simulator.state()["customers"]
    assert (known["email"], known["metadata"]) == (None, {"user": str(customer.pk)})
    assert {each["customer"] for each in simulator.state()["payment_intents"]} == {known["id"]}
    secrets = {each["customer_session_client_secret"] for each in (first, second)}
    assert len(secrets) == 2
    assert all(secret.startswith("cuss_secret_") for secret in secrets)


def test_a_session_is_kept_until_it_has_nearly_ended(
    as_customer: APIClient, as_staff: APIClient, order: Callable[[], str], simulator: StripeSimulator
) -> None:
    number = order()
    first = open_payment(as_customer, number)
    assert open_payment(as_customer, number) == first
    assert as_customer.get(f"{PAYMENTS}{first['id']}/").json() == first
    assert as_staff.get(f"{PAYMENTS}{first['id']}/").json()["customer_session_client_secret"] == ""
    Payment.objects.update(customer_session_until=timezone.now() + timedelta(minutes=9))
    renewed = open_payment(as_customer, number)
    assert renewed["customer_session_client_secret"] != first["customer_session_client_secret"]
    Payment.objects.update(customer_session_until=timezone.now())
    assert as_customer.get(f"{PAYMENTS}{first['id']}/").json()["customer_session_client_secret"] == ""


def test_concurrent_first_payments_share_the_customer(
    as_customer: APIClient, order: Callable[[], str], simulator: StripeSimulator
) -> None:
    numbers = [order() for _ in range(4)]
    run_concurrently(*[lambda number=number: open_payment(as_customer, number) for number in numbers])
    assert len(simulator.state()["customers"]) == StripeCustomer.objects.count() == 1
    assert len(simulator.state()["payment_intents"]) == 4


def test_without_saved_cards_stripe_hears_of_no_customer(
    as_customer: APIClient, order: Callable[[], str], simulator: StripeSimulator, settings: Any
) -> None:
    settings.STRIPE_SAVED_CARDS = False
    assert open_payment(as_customer, order())["customer_session_client_secret"] == ""
    assert (simulator.state()["customers"], StripeCustomer.objects.count()) == ([], 0)


def test_an_outage_of_sessions_does_not_prevent_the_payment(
    as_customer: APIClient, order: Callable[[], str], simulator: StripeSimulator
) -> None:
    simulator.fail("server_error", prefix="/v1/customer_sessions")
    assert open_payment(as_customer, order())["customer_session_client_secret"] == ""


@pytest.mark.parametrize("stored", [True, False])
def test_a_lost_customer_is_created_again_and_its_payment_opened_later(
    as_customer: APIClient, order: Callable[[], str], simulator: StripeSimulator, stored: bool
) -> None:
    number = order()
    simulator.fail("server_error", prefix="/v1/customers", stored=stored)
    for _ in range(2):
        reply = as_customer.post(PAYMENTS, {"order": number})
        assert refusal(reply, 503) == ("payment_service_unavailable", None)
    simulator.clear_faults()
    replies = [as_customer.post(PAYMENTS, {"order": number}) for _ in range(3)]
    assert replies[-1].json()["customer_session_client_secret"]
    assert len(simulator.state()["customers"]) == len(simulator.state()["payment_intents"]) == 1


def test_a_customer_that_was_deleted_at_stripe_does_not_prevent_payments(
    as_customer: APIClient, order: Callable[[], str], simulator: StripeSimulator
) -> None:
    open_payment(as_customer, order())
    with simulator.account.session() as session:
        session.store.delete(StripeCustomer.objects.get().customer)
    assert open_payment(as_customer, order())["payment_intent"]
    assert StripeCustomer.objects.count() == 0
    open_payment(as_customer, order())
    assert [each["id"] for each in simulator.state()["customers"]] == [StripeCustomer.objects.get().customer]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_deleted_account_leaves_no_customer_at_stripe(
    as_customer: APIClient, order: Callable[[], str], simulator: StripeSimulator, is_recorded: bool
) -> None:
    open_payment(as_customer, order())
    if not is_recorded:
        # The process died before the response was recorded.
        StripeCustomer.objects.update(customer="")
    assert as_customer.get(f"{API}/users/me/export/").json()["stripe_customer"] == (
        simulator.state()["customers"][0]["id"] if is_recorded else ""
    )
    assert as_customer.delete(f"{API}/users/me/").status_code == 204
    jobs.run_due()
    assert (simulator.state()["customers"], StripeCustomer.objects.count()) == ([], 0)
