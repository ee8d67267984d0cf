"""Orders that staff enter for a customer in the admin."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod
from shop import jobs
from shop.audit.staff_log import StaffAction
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of
from shop.dev.testing.guests import with_token
from shop.dev.testing.mails import link_in
from shop.dev.testing.steps import add_to_cart, cart_of, run_concurrently, stock_of, variant_of
from shop.dev.testing.stripe_steps import pay

pytestmark = pytest.mark.django_db

NEW = "admin:orders_order_new"


@pytest.fixture
def browser(staff: User, shipping: ShippingMethod) -> Client:
    return browser_of(staff)


def form(email: str, *items: tuple[Product, int], **fields: str) -> dict[str, Any]:
    address = {f"shipping-{name}": value for name, value in ADDRESS.items()}
    rows = {"variant": [str(variant_of(each).pk) for each, _ in items], "quantity": [str(n) for _, n in items]}
    return {"email": email, **address, **rows, **fields}


def calculated(browser: Client, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with those that the page adds."""
    context = browser.post(reverse(NEW), {**fields, "calculate": "1"}).context_data
    assert context["quote"], (context["customer"].errors, context["address"].errors)
    shown = {"draft": context["draft"], "total": str(context["quote"]["total"]), "shipping_method": "standard"}
    return {**fields, **shown, "place": "1"}


def test_a_guest_gets_a_link_to_pay_the_order(
    browser: Client, make_product: Callable[..., Product], simulator: StripeSimulator, settings: Any
) -> None:
    # Nor do limits against hoarding hold it up.
    settings.RATE_LIMITS = True
    settings.UNPAID_PIECES_PER_ADDRESS = settings.UNPAID_PIECES_UNVERIFIED = 1
    Promotion.objects.create(code="TENTH", kind="percentage", value=10)
    mug = make_product("Blue Mug", sku="MUG-1", price="10.00", stock=5)
    found = browser.get(reverse("admin:orders_order_products"), {"q": "mug-"}).json()["variants"]
    assert [(each["sku"], each["price"], each["available"]) for each in found] == [
        ("MUG-1", "10.00 USD", "5 available")
    ]
    assert browser.get(reverse("admin:orders_order_products"), {"q": "blue"}).json()["variants"] == found

    fields = calculated(browser, form("Grace@Example.com", (mug, 3), coupon="tenth", note="By phone"))
    assert fields["total"] == "31.90"
    assert stock_of(mug) == 5
    replies = run_concurrently(*[lambda: browser.post(reverse(NEW), fields) for _ in range(3)])
    assert {reply.status_code for reply in replies} == {302}
    order = Order.objects.get()
    assert (str(order.total), order.coupon, order.note, order.email) == (
        "31.90",
        "TENTH",
        "By phone",
        "grace@example.com",
    )
    assert order.expires_at - order.created_at == timedelta(hours=72)
    assert (order.timeline[0].actor, order.timeline[0].staff) == ("staff", User.objects.get(is_superuser=True).pk)
    assert stock_of(mug) == 2
    assert StaffAction.objects.filter(action="add", label=order.number).count() == 1

    jobs.run_due()
    token = link_in(mail.outbox[0], f"orders/{order.number}")["token"]
    pay(with_token(token), simulator, order.number)
    order.refresh_from_db()
    assert order.status == "completed"
    call_command("audit")


def test_an_account_gets_the_order_and_keeps_its_cart(
    browser: Client, customer: User, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    mug, spoon = make_product(price="10.00"), make_product(price="3.00")
    add_to_cart(as_customer, spoon)
    fields = form("ada@example.com", (mug, 1))
    missing = browser.post(reverse(NEW), {**fields, "shipping-city": ""}).context_data
    assert "city" in missing["address"].errors
    sold_out = browser.post(reverse(NEW), form("ada@example.com", (mug, 99))).context_data
    assert "stock" in str(sold_out["customer"].errors)
    assert not Order.objects.exists()
    ready = calculated(browser, fields)
    changed = browser.post(reverse(NEW), {**ready, "total": "1.00"}).context_data
    assert "The total is now 14.90" in str(changed["customer"].errors)
    assert browser.post(reverse(NEW), ready).status_code == 302
    order = Order.objects.get()
    assert (order.user_id, order.email, order.expired_at) == (customer.pk, "ada@example.com", None)
    assert [line["product"]["name"] for line in cart_of(as_customer)["items"]] == [spoon.name]
