"""Unpaid orders release their stock when their hold ends."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product, StockMovement
from orders import expiry
from orders.models import Order
from payments.models import Payment
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.holds import end_holds, rest_of_hold
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, events_of, order_of, place_order, run_concurrently, stock_of
from shop.dev.testing.stripe_steps import deliver, open_payment, pay

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


def test_an_order_whose_time_is_over_is_cancelled_and_gives_everything_back(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    Promotion.objects.create(code="ONCE", kind="percentage", value=Decimal(10), usage_limit=1)
    product = make_product(stock=2)
    add_to_cart(as_customer, product, 2)
    as_customer.put(f"{API}/cart/coupon/", {"code": "ONCE"})
    number = place_order(as_customer)["number"]
    end_holds()

    assert expiry.expire_due_orders().expired == 1

    order = order_of(as_customer, number)
    assert (order["status"], order["payment_status"], order["expires_at"]) == ("cancelled", "unpaid", None)
    assert events_of(order) == [("placed", "customer"), ("expired", "system")]
    assert stock_of(product) == 2
    assert StockMovement.objects.get(reason="expiry").reference == number
    assert Product.objects.get().in_stock is True
    assert not PromotionUse.objects.taken().exists()
    assert expiry.expire_due_orders().expired == 0
    assert stock_of(product) == 2


def test_an_order_that_has_time_left_is_left_alone(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=5)
    order = place_order(as_customer, product)
    assert expiry.expire_due_orders().expired == 0
    assert order_of(as_customer, order["number"]) == order


def test_paid_completed_and_cancelled_orders_never_expire(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product, free = make_product(stock=5), make_product(price="0.00", stock=5)
    paid = place_order(as_customer, product)["number"]
    pay(as_customer, simulator, paid)
    place_order(as_customer, free)
    cancelled = place_order(as_customer, product)["number"]
    as_customer.post(f"{API}/orders/{cancelled}/cancel/", {})
    assert set(Order.objects.values_list("expires_at", flat=True)) == {None}
    Order.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert expiry.expire_due_orders().expired == 0
    assert (stock_of(product), stock_of(free)) == (4, 4)


def test_two_workers_at_once_expire_each_order_once(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=20)
    for _ in range(4):
        place_order(as_customer, product, 2)
    end_holds()
    assert sum(sweep.expired for sweep in run_concurrently(*[expiry.expire_due_orders] * 3)) == 4
    assert stock_of(product) == 20
    assert StockMovement.objects.filter(reason="expiry").count() == 4


def test_an_expired_order_can_no_longer_be_paid_and_its_intent_is_closed(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    number = place_order(as_customer, make_product())["number"]
    open_payment(as_customer, number)
    end_holds()
    # Even before the worker runs.
    assert refusal(as_customer.post(f"{API}/payments/", {"order": number}), 409)[0] == "order_not_payable"
    assert expiry.expire_due_orders().expired == 1
    assert refusal(as_customer.post(f"{API}/payments/", {"order": number}), 409)[0] == "order_not_payable"
    assert [intent["status"] for intent in simulator.state()["payment_intents"]] == ["canceled"]


def test_while_the_bank_processes_a_payment_the_hold_is_extended_until_it_is_known(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    simulator.pay(intent, "pm_usBankAccount_processing")
    # Whether its event was delivered or not.
    for _ in range(2):
        end_holds()
        assert expiry.expire_due_orders().expired == 0
        assert order_of(as_customer, number)["payment_status"] == "processing"
        assert rest_of_hold(number) > timedelta(minutes=4)
        deliver(simulator)
    simulator.finish_processing(intent)
    end_holds()
    deliver(simulator)
    assert expiry.expire_due_orders().expired == 0
    assert order_of(as_customer, number)["payment_status"] == "paid"
    assert stock_of(product) == 4


def test_a_payment_that_succeeded_unheard_completes_the_order_instead(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    simulator.pay(open_payment(as_customer, number)["payment_intent"])
    end_holds()
    assert expiry.expire_due_orders().expired == 0
    order = order_of(as_customer, number)
    assert (order["status"], order["payment_status"], order["expires_at"]) == ("completed", "paid", None)
    deliver(simulator)
    assert order_of(as_customer, number) == order
    assert stock_of(product) == 4


def test_while_stripe_is_away_the_hold_is_extended(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    open_payment(as_customer, number)
    end_holds()
    simulator.fail("refuse")
    assert expiry.expire_due_orders().expired == 0
    assert order_of(as_customer, number)["status"] == "pending"
    assert rest_of_hold(number) > timedelta(minutes=4)
    simulator.clear_faults()
    end_holds()
    assert expiry.expire_due_orders().expired == 1
    assert stock_of(product) == 5


def test_an_order_that_cannot_be_expired_does_not_keep_the_others_from_it(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    stuck = place_order(as_customer, product)["number"]
    simulator.pay(open_payment(as_customer, stuck)["payment_intent"], "pm_usBankAccount_processing")
    place_order(as_customer, product)
    end_holds()
    assert expiry.expire_due_orders().expired == 1
    assert order_of(as_customer, stuck)["status"] == "pending"
    assert rest_of_hold(stuck) > timedelta(minutes=4)
    assert stock_of(product) == 4


def test_an_order_whose_intent_stripe_does_not_know_expires_and_is_flagged(
    as_customer: APIClient, as_staff: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    open_payment(as_customer, number)
    simulator.reset()
    end_holds()
    assert expiry.expire_due_orders().expired == 1
    order = order_of(as_staff, number)
    assert order["status"] == "cancelled"
    assert [entry["event"] for entry in order["timeline"]] == ["placed", "flagged", "expired"]
    assert stock_of(product) == 5


def calls_of(simulator: StripeSimulator) -> int:
    return sum(sum(statuses.values()) for statuses in simulator.counters()["calls"].values())


def test_a_sweep_ends_at_the_first_order_for_which_stripe_is_away(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    for _ in range(2):
        open_payment(as_customer, place_order(as_customer, product)["number"])
    end_holds()
    calls = calls_of(simulator)
    simulator.fail(kind="server_error", stored=False)
    assert expiry.expire_due_orders().expired == 0
    # One call and its one retry, not the same for every order.
    assert 1 <= calls_of(simulator) - calls <= 2
    assert stock_of(product) == 3


def test_an_order_whose_processing_came_to_nothing_expires_whatever_was_heard_last(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(stock=5)
    number = place_order(as_customer, product)["number"]
    intent = open_payment(as_customer, number)["payment_intent"]
    simulator.pay(intent, "pm_usBankAccount_processing")
    simulator.finish_processing(intent, success=False)
    deliver(simulator, "payment_intent.payment_failed")
    deliver(simulator, "payment_intent.processing")
    # The later event arrived first, so Stripe was asked.
    assert order_of(as_customer, number)["payment_status"] == "failed"
    end_holds()
    assert expiry.expire_due_orders().expired == 1
    assert order_of(as_customer, number)["status"] == "cancelled"
    assert stock_of(product) == 5


def test_a_payment_and_the_expiry_at_the_same_moment_agree(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator
) -> None:
    product = make_product(price="10.00", stock=50)
    for _ in range(5):
        number = place_order(as_customer, product)["number"]
        intent = open_payment(as_customer, number)["payment_intent"]
        end_holds()

        def pay_now(intent: str = intent) -> None:
            try:
                simulator.pay(intent)
            except Exception as error:
                assert "canceled" in str(error)  # noqa: PT017

        run_concurrently(pay_now, expiry.expire_due_orders)
        deliver(simulator)
        expiry.expire_due_orders()
        order = order_of(as_customer, number)
        assert (order["status"], order["payment_status"]) in (("completed", "paid"), ("cancelled", "unpaid"))
    paid = Order.objects.filter(status="completed").count()
    assert stock_of(product) == 50 - paid
    assert sum(Payment.objects.values_list("amount_received", flat=True)) == paid * 1000
