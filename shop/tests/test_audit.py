"""The audit finds every violation, and nothing else."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from threading import Event
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Category, Product, StockMovement, Variant
from conftest import ADDRESS, client_of
from orders.models import Order, ShippingMethod
from payments.models import Payment, Refund, StripeEvent
from shop import audit
from shop.dev.testing.steps import API, place_order, run_concurrently
from shop.jobs import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod) -> Order:
    """A pending order with a payment that was not sent to Stripe yet."""
    as_customer.post("/api/v1/cart/items/", {"product": str(make_product().pk), "quantity": 2})
    reply = as_customer.post("/api/v1/orders/", {"shipping_address": ADDRESS})
    order = Order.objects.get(number=reply.json()["number"])
    payment = Payment.objects.create(
        order=order,
        order_number=order.number,
        user=order.user,
        idempotency_key="k",
        intent="pi_1",
        amount=2490,
        currency="usd",
    )
    Order.objects.filter(pk=order.pk).update(payment=payment.pk)
    return order


def test_a_sound_shop_has_no_violations(order: Order, capsys: pytest.CaptureFixture) -> None:
    call_command("audit")
    assert "All invariants hold." in capsys.readouterr().out


def _steal_stock() -> None:
    Variant.objects.update(stock=1)


def _lose_a_movement() -> None:
    StockMovement.objects.filter(reason="order").delete()


def _change_a_total() -> None:
    Order.objects.update(total="1.00")


def _forget_an_expiry() -> None:
    Order.objects.update(expires_at=timezone.now() - timedelta(hours=1))


def _complete_without_money() -> None:
    Order.objects.update(status="completed", payment_status="paid", expires_at=None)


def _forget_when_money_came() -> None:
    Order.objects.update(paid_at=timezone.now())


def _receive_money_without_noticing() -> None:
    Payment.objects.update(amount_received=2490, status="succeeded")


def _refund_too_much() -> None:
    Payment.objects.update(amount_refunded=5)


def _leave_an_event() -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    StripeEvent.objects.create(id="evt_1", type="x", payload={}, created_at=long_ago, received_at=long_ago)


def _give_up_a_job() -> None:
    Job.objects.create(kind="x", given_up_at=timezone.now())


def _leave_a_mail() -> None:
    Job.objects.create(kind="orders.mail", created_at=timezone.now() - timedelta(days=3))


def _spoil_the_read_model() -> None:
    Product.objects.update(in_stock=False)


def _praise_a_product() -> None:
    Product.objects.update(rating_count=1, rating_sum=5, rating_average=5)


def _miscount_a_category() -> None:
    Category.objects.create(name="X", slug="x", active_products=1)


def _miscount_a_coupon() -> None:
    Promotion.objects.create(code="X", kind="fixed", value=1, used=1)


def _misprice_a_line() -> None:
    order = Order.objects.get()
    order.lines[0].unit_price = Decimal("99.00")
    order.save(update_fields=["lines"])


def _invent_tax() -> None:
    Order.objects.update(tax="9.00", prices_include_tax=True)


def _forget_a_coupons_use() -> None:
    Promotion.objects.create(pk=ObjectId("5" * 24), code="TEN", kind="fixed", value=1)
    Order.objects.update(coupon="TEN")


def _use_a_coupon_for_nothing() -> None:
    coupon = Promotion.objects.create(code="TEN", kind="fixed", value=1, used=1)
    PromotionUse.objects.create(promotion=coupon, order_number="NONE")


def _claim_a_refund() -> None:
    Order.objects.update(status="completed", payment_status="refunded", expires_at=None)


def _hide_a_refund() -> None:
    Refund.objects.create(payment=Payment.objects.get(), amount=100, status="succeeded", actor="staff")


def _promise_a_refund() -> None:
    yesterday = timezone.now() - timedelta(days=1)
    Refund.objects.create(payment=Payment.objects.get(), amount=100, actor="staff", created_at=yesterday)


def _ask_for_another_amount() -> None:
    Payment.objects.update(amount=5)


def _lose_the_customer() -> None:
    Order.objects.update(user=None, email="")


def _leave_an_order_unclaimed() -> None:
    User.objects.update(email_verified=True)
    Order.objects.update(user=None, created_at=timezone.now() - timedelta(hours=1))


def _give_a_payment_away() -> None:
    Payment.objects.update(user=None)


@pytest.mark.parametrize(
    ("damage", "statement"),
    [
        (_lose_the_customer, "an order has an account or a guest's address"),
        (_leave_an_order_unclaimed, "a guest's order is claimed"),
        (_give_a_payment_away, "a payment belongs to its order's account"),
        (_misprice_a_line, "an order's totals follow from its lines"),
        (_invent_tax, "an order's totals follow from its lines"),
        (_forget_a_coupons_use, "an order has used each of its promotions once"),
        (_use_a_coupon_for_nothing, "an order has used each of its promotions once"),
        (_claim_a_refund, "a payment status matches the refunds"),
        (_hide_a_refund, "an order shows the refunds of its payment"),
        (_promise_a_refund, "every pending refund is sent to Stripe"),
        (_ask_for_another_amount, "an open payment asks for its order's total"),
        (_steal_stock, "stock equals the sum of its movements"),
        (_lose_a_movement, "an order holds exactly the stock of its lines"),
        (_change_a_total, "an order's totals follow from its lines"),
        (_forget_an_expiry, "only pending orders have a hold"),
        (_complete_without_money, "paid orders and received payments match"),
        (_forget_when_money_came, "paid orders have a payment date"),
        (_receive_money_without_noticing, "paid orders and received payments match"),
        (_refund_too_much, "refunds never exceed the captured amount"),
        (_leave_an_event, "every Stripe event is eventually processed"),
        (_give_up_a_job, "no job has failed"),
        (_leave_a_mail, "no mail is unsent for more than two days"),
        (_spoil_the_read_model, "a product's list data matches"),
        (_praise_a_product, "a product's rating"),
        (_miscount_a_category, "a category counts its active products"),
        (_miscount_a_coupon, "a promotion's count"),
    ],
)
def test_damage_is_found_and_ends_the_command_with_an_error(
    order: Order, damage: Callable[[], Any], statement: str
) -> None:
    damage()
    said = StringIO()
    with pytest.raises(CommandError, match="violation"):
        call_command("audit", stdout=said)
    assert any(line.startswith(f"✗ {statement}") for line in said.getvalue().splitlines())


def test_concurrent_sales_give_no_false_alarm(
    make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    product = make_product(stock=1000)
    clients = [client_of(make_user()) for _ in range(2)]
    over = Event()

    def sell(client: APIClient) -> int:
        sold = 0
        while not over.is_set():
            number = place_order(client, product)["number"]
            assert client.post(f"{API}/orders/{number}/cancel/", {}).status_code == 200
            sold += 1
        return sold

    def look() -> list[str]:
        try:
            return [violation for _ in range(8) for violation in audit.violations()]
        finally:
            over.set()

    found, *sold = run_concurrently(look, *[lambda c=client: sell(c) for client in clients])
    assert min(sold) > 0
    assert found == []
