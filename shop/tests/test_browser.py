"""Typical work in the admin, in a real browser."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.files.base import ContentFile
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog import images
from catalog import services as catalog
from catalog.models import Category, Product
from orders import services as orders
from orders.models import Order
from payments import services as payments
from payments.models import StripeEvent
from shop import days, media
from shop.dev.demo import seeding, terms
from shop.dev.demo.products import PRODUCTS
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import ordered
from shop.dev.testing.browser import MISSING, PHONE, browser_page, chromium, drag, log_in, take_picture
from shop.dev.testing.dashboard import count_totals
from shop.dev.testing.server import ShopServer, shop_server
from shop.dev.testing.stripe_steps import deliver, events

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]

SOLD = [PRODUCTS[number] for number in (0, 3, 7, 11, 16, 21, 26)]


@pytest.fixture
def busy_shop(db: None) -> User:
    """A shop that has sold something on most days of a month; return its customer."""
    seeding.seed_terms()
    seeding.seed_people()
    seeding.seed_categories()
    for demo in SOLD:
        category = Category.objects.get(slug=demo.category)
        product = catalog.create_product(data={**demo.data(), "category": category})
        picture = demo.pictures()[0].path
        image = media.prepare_image(ContentFile(picture.read_bytes(), name=picture.name))
        images.add_image(product=product, image=image)
    customer = User.objects.get(email=terms.CUSTOMER["email"])
    products = list(Product.objects.order_by("pk"))
    for number in range(24):
        order = ordered(customer, products[number * number % len(products)], quantity=1 + number % 3)
        orders.mark_paid(order_id=order.pk)
        at = timezone.now() - timedelta(days=number * 7 % 30, hours=1)
        Order.objects.filter(pk=order.pk).update(
            created_at=at, paid_at=at, paid_on=timezone.localdate(at, days.zone()), fulfilment_status="delivered"
        )
    ordered(customer, products[2])
    return customer


@pytest.fixture
def paid_order(busy_shop: User, simulator: StripeSimulator) -> Order:
    """An order that was paid just now, of three products."""
    order = ordered(busy_shop, *Product.objects.order_by("-pk")[:3])
    payment, _ = payments.open_payment(order=order)
    simulator.pay(payment.intent)
    deliver(simulator)
    return Order.objects.get(pk=order.pk)


@pytest.fixture
def failed_event(paid_order: Order, busy_shop: User, simulator: StripeSimulator) -> StripeEvent:
    """The event of another paid order, which could not be applied."""
    payment, _ = payments.open_payment(order=ordered(busy_shop, Product.objects.order_by("pk")[0]))
    simulator.pay(payment.intent)
    event = events(simulator, "payment_intent.succeeded")[-1]
    return StripeEvent.objects.create(
        id=event["id"],
        type=event["type"],
        payload=event,
        status="failed",
        detail="TransactionContention()",
        attempts=1,
        created_at=timezone.now(),
        retry_at=timezone.now() + timedelta(hours=1),
    )


@pytest.fixture
def server(failed_event: StripeEvent, simulator: StripeSimulator, tmp_path: Path) -> Any:
    with shop_server(log=tmp_path / "web.log", STRIPE_API_BASE=simulator.url) as running:
        simulator.set_webhook(f"{running.url}/api/v1/payments/webhook/")
        yield running


def read(server: ShopServer, path: str) -> Any:
    reply = requests.get(f"{server.url}/api/v1{path}", timeout=10)
    assert reply.status_code == 200, reply.text
    return reply.json()


def eventually(question: Callable[[], bool]) -> None:
    """Wait until Stripe's webhook has arrived."""
    give_up_at = time.monotonic() + 10
    while not question():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def test_a_day_of_work_in_the_admin(server: ShopServer, paid_order: Order, failed_event: StripeEvent) -> None:
    files = [picture.path for picture in PRODUCTS[1].pictures()]

    with browser_page(server.url) as page:
        log_in(page, terms.STAFF["email"], terms.STAFF["password"])
        make_a_product(page, files)
        made = read(server, "/products/enamel-mug/")
        assert [(each["sku"], each["price"]) for each in made["variants"]] == [
            ("ENAMEL-S", "14.00"),
            ("ENAMEL-L", "18.00"),
        ]
        assert made["category"]["slug"] == "mugs-cups"
        put_the_second_picture_first(page)
        assert [each["id"] for each in read(server, "/products/enamel-mug/")["images"]] == [
            each["id"] for each in reversed(made["images"])
        ]
        take_picture(page, "admin-product", height=1440)

        send_the_order(page, paid_order)
        refund_a_part(page)
        take_picture(page, "admin-order", height=960)

        replay_the_event(page, failed_event)
        read_the_dashboard(page)
        take_picture(page, "admin-dashboard", height=1240)
        page.goto("/admin/catalog/product/")
        take_picture(page, "admin-products", height=960)

    with browser_page(server.url, size=PHONE) as page:
        log_in(page, terms.STAFF["email"], terms.STAFF["password"])
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        take_picture(page, "admin-phone")


def make_a_product(page: Page, files: list[Path]) -> None:
    page.get_by_role("link", name="Products").first.click()
    page.locator("a[href$='/product/add/']").first.click()
    page.get_by_label("Name").first.fill("Enamel mug")
    page.locator(".field-category .select2-selection").click()
    page.keyboard.type("mugs")
    page.get_by_role("option", name="Mugs & Cups").click()
    page.get_by_label("Description", exact=True).fill("Takes a fall and keeps its coffee warm.")
    page.get_by_text("Add another Variant").click()
    for row, (size, price, stock) in enumerate((("S", "14.00", "12"), ("L", "18.00", "8"))):
        page.locator(f"[name=variants-{row}-sku]").fill(f"ENAMEL-{size}")
        page.locator(f"[name=variants-{row}-options]").fill(f"size: {size}")
        page.locator(f"[name=variants-{row}-price]").fill(price)
        page.locator(f"[name=variants-{row}-stock_change]").fill(stock)
    page.locator("[name=images-0-files]").set_input_files(files)
    page.locator("[name=images-0-alt]").fill("An enamel mug")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    expect(page.locator("#images-group img.shop-picture")).to_have_count(2)


def put_the_second_picture_first(page: Page) -> None:
    rows = page.locator("#images-group .form-group.original")
    second = rows.nth(1).locator("[name$=-id]").get_attribute("value")
    drag(page, rows.nth(1).locator("[x-sort\\:handle]"), rows.nth(0))
    expect(rows.nth(0).locator("[name$=-id]")).to_have_value(second or "")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    expect(rows.nth(0).locator("[name$=-id]")).to_have_value(second or "")


def send_the_order(page: Page, order: Order) -> None:
    page.get_by_role("link", name="Dashboard").first.click()
    page.get_by_role("link", name="To ship").click()
    page.get_by_role("link", name=order.number).click()
    page.get_by_role("link", name="Ship items").click()
    page.get_by_label("Carrier").fill("Royal Mail")
    page.get_by_label("Tracking number").fill("RM123456789GB")
    page.get_by_role("button", name="Ship items").click()
    expect(page.get_by_text(f"Order {order.number} was marked as shipped.")).to_be_visible()
    expect(page.get_by_text("Royal Mail RM123456789GB").first).to_be_visible()


def refund_a_part(page: Page) -> None:
    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_label("Amount in USD").fill("5.00")
    page.get_by_label("Reason").fill("A scratch")
    page.get_by_role("button", name="Refund", exact=True).click()
    expect(page.get_by_text("5.00 USD was refunded.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Refund of 5.00 USD")).to_be_visible()
    expect(page.locator(".shop-order-labels").get_by_text("Partially refunded")).to_be_visible()


def replay_the_event(page: Page, event: StripeEvent) -> None:
    page.get_by_role("link", name="Dashboard").first.click()
    expect(page.get_by_role("link", name="Failed events")).to_contain_text("1")
    page.get_by_role("link", name=event.type).click()
    page.get_by_role("link", name="Replay").click()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("Applied.")).to_be_visible()


def read_the_dashboard(page: Page) -> None:
    # Playwright's event loop forbids the ORM in this thread. The worker does it in a shop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(count_totals).result()
    page.get_by_role("link", name="Dashboard").first.click()
    expect(page.get_by_role("link", name="Failed events")).to_contain_text("0")
    expect(page.locator(".shop-periods")).to_contain_text("5.00 USD")
    # The chart has been drawn.
    assert page.evaluate(
        "(() => { const c = document.querySelector('canvas.chart');"
        " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(value => value > 0) })()"
    )
    page.get_by_text("Show as table").click()
    expect(page.get_by_role("cell", name="5.00 USD").first).to_be_visible()
    page.get_by_text("Show as table").click()
