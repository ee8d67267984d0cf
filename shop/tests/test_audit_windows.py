"""The audit reads in windows, continues after errors and reports all checks."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from accounts.models import User
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product, StockMovement, Variant
from conftest import client_of
from orders.models import Order
from orders.reviews.models import Review
from payments.models import Payment, Refund
from shop import audit
from shop.audit import running
from shop.dev.testing.failures import failing
from shop.dev.testing.steps import place_order

pytestmark = pytest.mark.django_db(transaction=True)

MONEY = "paid orders and received payments match one to one"
REFUNDS_SHOWN = "an order shows the refunds of its payment"


@pytest.fixture
def orders(make_user: Callable[..., User], make_product: Callable[..., Product]) -> list[Order]:
    """Five orders with payments, one of them of an amount of its own."""
    products = [make_product(price=f"{number}.00") for number in range(20, 23)]
    clients = [client_of(make_user()) for _ in range(2)]
    for number in range(5):
        place_order(clients[number % 2], products[number % 3])
    orders = list(Order.objects.order_by("pk"))
    for order in orders:
        payment = Payment.objects.create(
            order=order,
            order_number=order.number,
            user_id=order.user_id,
            idempotency_key=order.number,
            intent=f"pi_{order.number}",
            amount=int(order.total * 100),
            currency="usd",
        )
        Order.objects.filter(pk=order.pk).update(payment=payment.pk)
    return orders


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PAUSES", (0.0, 0.0))


def damage(orders: list[Order]) -> None:
    """Break most invariants, some of them in rows that are far from each other."""
    Order.objects.filter(pk__in=[orders[0].pk, orders[4].pk]).update(total=Decimal("1.00"))
    Order.objects.filter(pk=orders[1].pk).update(status="completed", payment_status="paid", counts_as_sale=True)
    Order.objects.filter(pk=orders[2].pk).update(coupon="TEN", placed_from="digest", expired_at=timezone.now())
    Order.objects.filter(pk=orders[3].pk).update(status="cancelled", payment_status="refunded", fulfilment_status="x")
    lost = ObjectId()
    for payment in Payment.objects.all():
        StockMovement.objects.create(variant_id=lost, delta=-1, reason="order", reference="NONE")
        Refund.objects.create(payment=payment, amount=9, actor="staff")
    StockMovement.objects.filter(reference=orders[2].number).delete()
    Payment.objects.update(intent="pi_1", amount_received=5, updated_at=timezone.now() - timedelta(days=9))
    Payment.objects.create(
        order_id=ObjectId(), order_number="NONE", idempotency_key="n", amount=1, currency="usd", opened_from="digest"
    )
    coupon = Promotion.objects.create(pk=ObjectId("5" * 24), code="TEN", kind="fixed", value=1, used=7)
    for number in ("NONE", "NONE", orders[0].number):
        PromotionUse.objects.create(promotion=coupon, order_number=number)
    for product in Product.objects.all():
        Review.objects.create(product=product, user_id=ObjectId(), rating=5)
    Variant.objects.update(stock=3)
    Variant.objects.filter(pk=Variant.objects.order_by("pk")[1].pk).update(sku_key="x")
    User.objects.filter(pk=User.objects.order_by("-pk")[0].pk).update(email="Ada@Example.com")


def found(**options: Any) -> dict[str, list[str]]:
    results = audit.run(**options)
    assert not any(result.unfinished for result in results)
    assert all(result.count == len(result.violations) for result in results)
    return {result.statement: sorted(result.violations) for result in results if result.count}


def test_small_windows_find_what_one_window_finds(orders: list[Order]) -> None:
    assert found() == found(window=2) == {}
    damage(orders)
    at_once = found()
    assert len(at_once) > 15
    assert found(window=1) == found(window=2) == found(window=6) == at_once


def test_each_row_is_read_once(orders: list[Order]) -> None:
    seen: list[tuple[int, int]] = []
    audit.run(window=2, progress=lambda done, total: seen.append((done, total)))
    (total,) = {total for _, total in seen}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (total, total)
    assert total > len(orders)


def test_a_check_that_the_database_fails_is_reported_and_the_others_run(
    orders: list[Order], no_pauses: None, capsys: pytest.CaptureFixture
) -> None:
    damage(orders)
    before = found()
    with failing("aggregate", Refund, times=None, errorCode=8000), pytest.raises(CommandError, match="not finished"):
        call_command("audit", "--all")
    lines = capsys.readouterr().out.splitlines()
    failed = [statement[2:] for statement, why in pairwise(lines) if "not finished: Op" in why]
    assert {"an order shows the refunds of its payment", "every pending refund is sent to Stripe"} <= set(failed)
    assert all("refund" in statement for statement in failed)
    others = [text for statement, texts in before.items() if statement not in failed for text in texts]
    assert set(others) <= {line.strip() for line in lines}
    assert "✓ no job has failed" in lines


def test_an_error_in_a_later_window_keeps_what_was_found_before(orders: list[Order], no_pauses: None) -> None:
    Order.objects.update(refunds=[], payment=None)
    payment = Payment.objects.get(order=orders[0])
    Refund.objects.create(payment=payment, amount=1)
    Order.objects.filter(pk=orders[0].pk).update(payment=payment.pk)
    # Two commands a window.
    with failing("aggregate", Payment, skip=4, errorCode=8000):
        results = {result.statement: result for result in audit.run(window=1)}
    assert results[MONEY].unfinished == ["not finished: OperationFailure (8000)"]
    assert results[MONEY].count == 1
    assert results[REFUNDS_SHOWN].violations == [f"{orders[0].number} shows 0 refunds, but its payments have 1"]
    # It reads payments as well.
    assert results[REFUNDS_SHOWN].unfinished == ["not finished: OperationFailure (8000)"]
    read_no_payments = [each for each in results.values() if each.statement.startswith("stock ")]
    assert read_no_payments
    assert not any(each.unfinished for each in read_no_payments)


@pytest.mark.parametrize("model", [User, Order, Payment, Refund])
def test_a_transient_error_is_retried(orders: list[Order], no_pauses: None, model: type[models.Model]) -> None:
    damage(orders)
    before = found(window=2)
    with failing("aggregate", model, errorCode=8000) as failed:
        assert found(window=2) == before
        failed()


def test_a_document_that_a_check_cannot_read_ends_only_this_check(
    orders: list[Order], capsys: pytest.CaptureFixture
) -> None:
    timeline = [{"event": "abducted", "actor": "staff", "detail": "x"}]
    yesterday = timezone.now() - timedelta(days=9)
    rows = Order.objects.filter(pk=orders[4].pk)
    rows.update(user=None, email="", detached_at=yesterday, erased_at=yesterday, note="x")
    collection, _ = running.documents.collection_of(Order)
    collection.update_one({"_id": orders[4].pk}, {"$set": {"timeline": timeline}})
    with pytest.raises(CommandError, match=r"3 violations\. 1 check not finished"):
        call_command("audit")
    assert "not finished: KeyError" in capsys.readouterr().out


def test_the_command_lists_the_first_violations_and_counts_all(
    make_product: Callable[..., Product], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KEPT", 25)
    products = [make_product() for _ in range(30)]
    Product.objects.update(sales=7)
    for options, shown in ((), 20), (("--all",), 25):
        with pytest.raises(CommandError, match="30 violations"):
            call_command("audit", *options)
        out = capsys.readouterr().out
        assert out.count("has 7 sales") == shown
        assert f"… and {len(products) - shown} more" in out
