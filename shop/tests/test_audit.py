"""The audit finds what is broken, and nothing else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from cart.models import Coupon
from catalog.models import Product, StockMovement, Variant
from conftest import ADDRESS
from orders.models import Order, ShippingMethod
from payments.models import Payment, StripeEvent
from shop import audit
from shop.jobs import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod) -> Order:
    """A pending order with a payment that nobody has sent to Stripe yet."""
    as_customer.post("/api/v1/cart/items/", {"product": str(make_product().pk), "quantity": 2})
    reply = as_customer.post("/api/v1/orders/", {"shipping_address": ADDRESS})
    order = Order.objects.get(number=reply.json()["number"])
    payment = Payment.objects.create(
        order=order, order_number=order.number, idempotency_key="k", intent="pi_1", amount=2490, currency="usd"
    )
    Order.objects.filter(pk=order.pk).update(payment=payment.pk)
    return order


def test_a_sound_shop_has_no_complaints(order: Order, capsys: pytest.CaptureFixture) -> None:
    call_command("audit")
    assert "Everything is as it must be." in capsys.readouterr().out


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


def _miscount_a_coupon() -> None:
    Coupon.objects.create(code="X", kind="fixed", value=1, used=1)


@pytest.mark.parametrize(
    ("damage", "statement"),
    [
        (_steal_stock, "stock equals the sum of its movements"),
        (_lose_a_movement, "an order holds exactly the stock of its lines"),
        (_change_a_total, "an order's totals follow from its lines"),
        (_forget_an_expiry, "no hold outlives its time"),
        (_complete_without_money, "a paid order has its money"),
        (_forget_when_money_came, "an order knows when its money came in"),
        (_receive_money_without_noticing, "a paid order has its money"),
        (_refund_too_much, "refunds never exceed what was captured"),
        (_leave_an_event, "no event of Stripe's is left lying"),
        (_give_up_a_job, "no job was given up"),
        (_leave_a_mail, "no mail waits for longer than two days"),
        (_spoil_the_read_model, "what shoppers read of a product"),
        (_miscount_a_coupon, "a coupon's count"),
    ],
)
def test_damage_is_found_and_ends_the_command_with_an_error(
    order: Order, damage: Callable[[], Any], statement: str
) -> None:
    damage()
    assert any(complaint.startswith(statement) for complaint in audit.complaints())
    with pytest.raises(CommandError, match="complaint"):
        call_command("audit")
