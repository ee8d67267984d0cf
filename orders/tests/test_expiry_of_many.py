"""Many orders expire in slices, and share transactions."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product, StockMovement
from orders import expiry
from orders.models import Order
from shop import audit
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.commands import count_commands
from shop.dev.testing.holds import end_holds, rest_of_hold
from shop.dev.testing.steps import API, add_to_cart, order_of, place_order, stock_of
from shop.dev.testing.stripe_steps import open_payment
from shop.dev.testing.tasks import run_task
from shop.jobs import Job, timing

pytestmark = [pytest.mark.django_db, pytest.mark.quick]


@pytest.fixture
def in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "EXPIRED_TOGETHER", 2)
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)


def test_all_that_are_due_expire_at_once_in_slices(
    as_customer: APIClient, make_product: Callable[..., Product], in_twos: None
) -> None:
    coupon = Promotion.objects.create(code="TWICE", kind="percentage", value=Decimal(10), usage_limit=2)
    mug, cap = make_product(stock=5), make_product(stock=3)
    for position in range(5):
        add_to_cart(as_customer, mug)
        if position < 3:
            add_to_cart(as_customer, cap)
        if position < 2:
            as_customer.put(f"{API}/cart/coupon/", {"code": "TWICE"})
        place_order(as_customer)
    assert (stock_of(mug), stock_of(cap), Product.objects.filter(in_stock=True).count()) == (0, 0, 0)
    end_holds()
    Job.objects.all().delete()

    # The last slice finds none.
    assert run_task("orders.expire") == 4

    assert (stock_of(mug), stock_of(cap), Product.objects.filter(in_stock=True).count()) == (5, 3, 2)
    coupon.refresh_from_db()
    assert (coupon.used, PromotionUse.objects.taken().count()) == (2, 0)
    numbers = Order.objects.filter(status="cancelled").order_by("pk").values_list("number", flat=True)
    assert len(numbers) == 5
    references = StockMovement.objects.filter(reason="expiry").values_list("reference", flat=True)
    assert sorted(references) == sorted([*numbers, *numbers[:3]])
    mails = [job.payload for job in Job.objects.filter(kind="orders.mail")]
    assert {mail["order"] for mail in mails} == {str(pk) for pk in Order.objects.values_list("pk", flat=True)}
    assert {mail["event"] for mail in mails} == {"expired"}
    assert (len(mails), len({mail["mail"] for mail in mails})) == (5, 5)
    assert not audit.violations()


def test_orders_without_a_payment_share_a_transaction(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=9)

    def commands(orders: int) -> int:
        for _ in range(orders):
            place_order(as_customer, product)
        end_holds()
        with count_commands() as commands:
            assert expiry.expire_due_orders().expired == orders
        return len(commands)

    assert commands(4) == commands(1)


def test_one_that_cannot_expire_does_not_keep_those_beside_it(
    as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=5)
    numbers = [place_order(as_customer, product)["number"] for _ in range(3)]
    Order.objects.filter(number=numbers[1]).update(payment_status="processing")
    end_holds()
    assert expiry.expire_due_orders() == (2, False)
    assert order_of(as_customer, numbers[1])["status"] == "pending"
    assert rest_of_hold(numbers[1]) > timedelta(minutes=4)
    assert stock_of(product) == 4


def test_a_payment_opened_meanwhile_is_closed_before_its_order_expires(
    as_customer: APIClient,
    make_product: Callable[..., Product],
    simulator: StripeSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = make_product(stock=5)
    paid, other = (place_order(as_customer, product)["number"] for _ in range(2))
    simulator.pay(open_payment(as_customer, paid)["payment_intent"])
    end_holds()
    fresh = expiry._next_due()
    outdated = iter([[(pk, None) for pk, _ in fresh]])
    look = expiry._next_due
    monkeypatch.setattr(expiry, "_next_due", lambda: next(outdated, None) or look())
    assert expiry.expire_due_orders().expired == 1
    assert order_of(as_customer, other)["status"] == "cancelled"
    order = order_of(as_customer, paid)
    assert (order["status"], order["payment_status"]) == ("completed", "paid")
    assert stock_of(product) == 4


def test_orders_without_a_payment_expire_while_stripe_is_away(
    as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator, in_twos: None
) -> None:
    product = make_product(stock=9)
    waiting = [place_order(as_customer, product)["number"] for _ in range(3)]
    for number in waiting:
        open_payment(as_customer, number)
    for _ in range(3):
        place_order(as_customer, product)
    end_holds()
    simulator.fail(kind="server_error", stored=False)

    run_task("orders.expire")

    assert Order.objects.filter(status="cancelled").count() == 3
    # One of a batch stands for the others.
    assert [rest_of_hold(number) > timedelta(minutes=4) for number in waiting] == [True, True, False]
    assert stock_of(product) == 6
