"""Fixtures of tests of the whole shop."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.api_keys.models import ApiKey
from accounts.models import Address, User
from cart import services as carts
from cart.owners import CartOwner
from cart.promotions.models import Promotion
from catalog.collections.models import Collection
from catalog.models import ImportRun, Product
from catalog.services import count_sales
from orders import services as orders
from orders.invoices.issuing import issue_invoices
from orders.models import Order, ShippingRate, ShippingZone, TaxRate
from orders.reviews.services import write_review
from payments.models import Payment, Refund, StripeEvent
from shop.api import counters
from shop.audit.staff_log import StaffAction
from shop.changes.models import Change
from shop.dev.demo import products, seeding
from shop.dev.demo.journey import PRODUCTS
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import ADDRESS, ordered
from shop.dev.testing.steps import variant_of
from shop.dev.testing.webhooks import make_webhook
from shop.jobs import PeriodicTask


@pytest.fixture
def demo_shop(live_server: Any, simulator: StripeSimulator, settings: Any) -> Any:
    """The demo's users, shipping methods, taxes and coupons, and the products that the journey buys."""
    settings.DEBUG = True
    simulator.set_webhook(f"{live_server.url}/api/v1/payments/webhook/")
    quietly = {"tick": lambda *_: None}
    seeding.seed_terms()
    seeding.seed_people()
    seeding.seed_categories()
    needed = [product for product in products.PRODUCTS if product.slug in PRODUCTS]
    seeding.seed_products(needed, **quietly)
    seeding.seed_pictures(needed, **quietly)
    return live_server


@pytest.fixture
def populated_shop(
    customer: User, staff: User, make_category: Callable[..., Any], make_product: Callable[..., Product], shipping: Any
) -> Order:
    """At least one row of everything that the admin shows."""
    category = make_category("Shirts", parent=make_category("Clothing"))
    product = make_product("Linen shirt", category=category)
    order = ordered(customer, product)
    orders.mark_paid(order_id=order.pk)
    Order.objects.filter(pk=order.pk).update(invoice_due=True)
    issue_invoices(order=str(order.pk))
    payment = Payment.objects.create(
        order=order, order_number=order.number, user=customer, intent="pi_1", amount=1490, currency="usd"
    )
    orders.attach_payment(order_id=order.pk, payment=payment.pk)
    write_review(user=customer, product=product, data={"rating": 4, "title": "Fits"})
    Refund.objects.create(payment=payment, amount=100, actor="staff", stripe_refund="re_1", status="succeeded")
    StripeEvent.objects.create(id="evt_1", type="payment_intent.succeeded", payload={}, created_at=timezone.now())
    ImportRun.objects.create(filename="products.csv", state="ready", checked_at=timezone.now())
    Collection.objects.create(name="Summer", slug="summer")
    Promotion.objects.create(code="WELCOME", kind="percentage", value="10")
    TaxRate.objects.create(country="GB", rate="20")
    zone = ShippingZone.objects.create(name="Great Britain", countries=["GB"])
    ShippingRate.objects.create(method=shipping, zone=zone, price="4.90")
    Address.objects.create(user=customer, **ADDRESS)
    carts.add_item(owner=CartOwner(user=customer), variant=variant_of(product).pk, quantity=1)
    PeriodicTask.objects.create(name="orders.expire", due_at=timezone.now())
    count_sales.enqueue(quantities={})
    Group.objects.create(name="Warehouse")
    ApiKey.objects.create(name="ERP", prefix="shop_live_abcdefgh", digest="0" * 64, owner=staff)
    make_webhook()
    Change.objects.create(position=1, kind="order", type="order.paid", object_id=order.number, at=timezone.now())
    StaffAction.objects.create(staff=staff.pk, via="admin", action="cancel", model="orders.order", object_id=order.pk)
    return order


@pytest.fixture
def few_uses(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five uses per hour of everything, but no limit on what the test does not examine."""
    monkeypatch.setattr(counters, "_redis_paused_until", 0.0)
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = dict.fromkeys(settings.RATE_LIMIT_RULES, (5, 3600))
    settings.RATE_LIMIT_RULES |= dict.fromkeys(("login", "login_account_hour", "login_strangers"), (50, 3600))
