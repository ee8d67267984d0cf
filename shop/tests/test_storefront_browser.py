"""The starter storefront in a real browser: a guest's purchase, an account, and the API on another origin."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Variant
from orders.models import Order
from shop import audit
from shop.dev.demo import products, seeding
from shop.dev.management.commands.storefront import handler
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.browser import DESKTOP, MISSING, PHONE, browser_page, chromium, take_picture
from shop.dev.testing.mails import work
from shop.dev.testing.server import ShopServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]

TEE, NEEDED = "everyday-organic-tee", {"everyday-organic-tee", "polar-merino-beanie", "lighthouse-stripe-tee"}
PASSWORD, SECOND, THIRD = "a long first password", "a long second password", "a long third password"
Read = Callable[[str], str]


@pytest.fixture
def server(tmp_path: Path, simulator: StripeSimulator, settings: Any) -> Iterator[ShopServer]:
    quietly = {"tick": lambda *_: None}
    seeding.seed_terms()
    seeding.seed_categories()
    seeding.seed_promotions()
    sold = [product for product in products.PRODUCTS if product.slug in NEEDED]
    seeding.seed_products(sold, **quietly)
    seeding.seed_pictures(sold, **quietly)
    seeding.seed_collections()
    # The jobs of the worker run in this process.
    settings.SELLER_NAME, settings.SELLER_ADDRESS, settings.INVOICES_ENABLED = "Shop Ltd", ["London"], True
    seller = {"SELLER_NAME": "Shop Ltd", "SELLER_ADDRESS": "London"}
    running = ShopServer(log=tmp_path / "web.log", STRIPE_API_BASE=simulator.url, **seller)
    settings.FRONTEND_URL = running.url
    simulator.set_webhook(f"{running.url}/api/v1/payments/webhook/")
    running.start()
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture
def read_mail() -> Iterator[Read]:
    """Return the address of the last mail's link to a page; the worker's jobs need a thread without an event loop."""
    with ThreadPoolExecutor(1) as worker:

        def read(page: str) -> str:
            worker.submit(work).result(30)
            links = [found for each in mail.outbox for found in re.findall(rf"http\S+/{page}\S*", each.body)]
            return links[-1]

        yield read


@contextlib.contextmanager
def visit(url: str, size: tuple[int, int], *expected: str) -> Iterator[Page]:
    """Open a page. Errors of the console and responses fail the block, unless they contain an expected text."""
    try:
        with browser_page(url, size=size) as page:
            yield page
    except AssertionError as error:
        if not all(any(each in line for each in expected) for line in str(error).splitlines()):
            raise


def examine(page: Page) -> None:
    """Axe finds nothing, and the page fits into the window."""
    page.wait_for_load_state("networkidle")
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def open_tee(page: Page) -> None:
    """From the first page by the search's suggestions to the product."""
    page.goto("/")
    expect(page.get_by_role("link", name="Everyday Organic Tee").first).to_be_visible()
    examine(page)
    page.get_by_role("combobox", name="Search products").press_sequentially("organic t")
    expect(page.get_by_role("option", name="Everyday Organic Tee")).to_be_visible()
    examine(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Everyday Organic Tee", level=1)).to_be_visible()


def put_into_cart(page: Page, colour: str, size: str) -> None:
    page.get_by_role("radio", name=colour).check()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("alert")).to_contain_text("Please choose a size.")
    page.get_by_role("radio", name=size, exact=True).check()
    expect(page.get_by_text("In stock")).to_be_visible()
    picture = page.locator(".gallery .large")
    expect(picture).to_have_attribute("alt", f"Everyday Organic Tee in {colour.lower()}")
    expect(picture).to_have_js_property("complete", True)
    assert page.evaluate("picture => picture.naturalWidth", picture.element_handle()) > 0
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="View cart").click()
    expect(page.get_by_role("heading", name="Cart", level=1)).to_be_visible()
    expect(page.locator(".lines li")).to_contain_text(f"{colour}, {size}")


def fill_address(page: Page) -> None:
    page.get_by_label("Country").select_option("US")
    for label, value in {
        "Full name": "Grace Hopper",
        "Street": "1 Main Street",
        "ZIP": "62701",
        "City": "Springfield",
    }.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("State").select_option("IL")


def enter_card(page: Page, number: str) -> None:
    expect(page.get_by_role("heading", name="Payment")).to_be_visible()
    for label, value in {"Card number": number, "Expiry": "12 / 34", "CVC": "123"}.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Pay ").click()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_guest_buys_a_tee_in_coral_and_withdraws(
    server: ShopServer, read_mail: Read, simulator: StripeSimulator, size: tuple[int, int]
) -> None:
    with visit(server.url, size, "402 ", "400 ") as page:  # declined cards, a wrong coupon
        open_tee(page)
        put_into_cart(page, "Coral", "M")
        if size == DESKTOP:
            page.goto("/products/everyday-organic-tee")
            page.get_by_role("radio", name="Coral").check()
            page.get_by_role("radio", name="M", exact=True).check()
            take_picture(page, "storefront")
            page.goto("/cart")
        page.get_by_label("Quantity of").fill("2")
        page.get_by_label("Quantity of").press("Enter")
        expect(page.locator(".to-cart .count")).to_contain_text("2")
        for code, answer in (("NOPE", "This coupon cannot be used."), ("FIVEOFF", "Five off")):
            page.get_by_label("Promotion code").fill(code)
            page.get_by_role("button", name="Apply").click()
            expect(page.get_by_text(answer)).to_be_visible()
            examine(page)

        page.get_by_role("link", name="Checkout").click()
        page.get_by_label("E-mail").fill("grace@example.com")
        page.get_by_role("button", name="Place order").click()
        expect(page.get_by_label("Full name")).to_have_attribute("aria-invalid", "true")
        examine(page)
        fill_address(page)
        expect(page.get_by_text("Sales tax")).to_be_visible()
        page.get_by_label("Express").check()
        expect(page.get_by_label("Express")).to_be_checked()
        examine(page)
        page.get_by_role("button", name="Place order").click()

        enter_card(page, "4000000000000002")
        expect(page.get_by_role("alert")).to_contain_text("Your card was declined.")
        examine(page)
        enter_card(page, "4000002760003184")
        page.get_by_role("button", name="Refuse").click()
        expect(page.get_by_role("alert")).to_contain_text("The payment was not completed.")
        page.get_by_role("link", name="Pay now").click()
        enter_card(page, "4242 4242 4242 4242")
        expect(page.get_by_text("Being prepared")).to_be_visible()
        expect(page.get_by_role("heading", name="Thank you for your order")).to_be_visible()
        expect(page.locator(".to-cart .count")).to_be_hidden()
        examine(page)
        # The link in the mail opens the order in a browser that knows nothing.
        link = read_mail("orders/")
        page.evaluate("localStorage.clear()")
        page.goto(link)
        expect(page.get_by_text("Coral, M")).to_be_visible()
        assert "token" not in page.url
        with page.expect_download() as downloaded:
            page.get_by_role("button", name="Invoice").click()
        assert downloaded.value.path().read_bytes().startswith(b"%PDF")
        page.get_by_role("link", name="Withdraw from contract here").click()
        page.get_by_label("How many?").select_option("1")
        examine(page)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Expected refund")).to_be_visible()
        examine(page)
        page.get_by_role("button", name="Confirm withdrawal").click()
        expect(page.get_by_text("Withdrawal of 1 item")).to_be_visible()
    order = Order.objects.get()
    assert (order.status, order.payment_status, order.shipping_method) == ("completed", "paid", "express")
    assert [each.withdrawal for each in order.returns] == [True]
    assert order.lines[0].options == {"colour": "Coral", "size": "M"}
    simulator.wait_until_idle(timeout=10)
    assert audit.violations() == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_customer_registers_buys_cancels_and_recovers_the_password(
    server: ShopServer, read_mail: Read, size: tuple[int, int]
) -> None:
    email = "eva@example.com"
    with visit(server.url, size, "401 ") as page:  # an expired token
        choose_a_beanie(page)
        page.get_by_role("button", name="Add to cart").click()
        page.get_by_role("link", name="View cart").wait_for()
        page.goto("/account")
        examine(page)
        page.get_by_role("link", name="Create an account").click()
        for label, value in {"Name": "Eva", "E-mail": email, "Password": PASSWORD}.items():
            page.get_by_label(label).fill(value)
        examine(page)
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("heading", name="Hello, Eva")).to_be_visible()
        # The guest's cart is the account's.
        expect(page.locator(".to-cart .count")).to_contain_text("1")

        page.get_by_role("link", name="Profile").click()
        examine(page)
        page.get_by_role("button", name="Send confirmation link").click()
        expect(page.get_by_role("status").last).to_contain_text(email)
        page.goto(read_mail("verify-email"))
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_text("Done.")).to_be_visible()

        page.goto("/account/addresses")
        page.get_by_label("Country").select_option("DE")
        expect(page.get_by_label("State")).to_have_count(0)
        for label, value in {"Full name": "Eva", "Street": "Kai 1", "Postal": "20359", "City": "Hamburg"}.items():
            page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Save address").click()
        page.get_by_role("button", name="Edit").click()
        page.get_by_label("Full name").fill("Eva Example")
        page.get_by_role("button", name="Save address").click()
        expect(page.get_by_text("Eva Example")).to_be_visible()
        examine(page)

        page.goto("/checkout")
        expect(page.get_by_text("VAT 19 %")).to_be_visible()
        examine(page)
        page.get_by_label("Pick it up").check()
        page.get_by_label("Pick-up in Hamburg").check()
        page.get_by_role("button", name="Place order").click()
        enter_card(page, "4242424242424242")
        expect(page.get_by_text("Being prepared")).to_be_visible()
        page.get_by_text("Cancel the order").click()
        page.get_by_label("Reason").fill("Changed my mind")
        examine(page)
        page.get_by_role("button", name="Cancel this order").click()
        expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
        page.goto("/account")
        expect(page.locator(".orders")).to_contain_text("Cancelled")
        examine(page)
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("link", name="Log in").wait_for()

        page.goto("/forgot-password")
        page.get_by_label("E-mail").fill(email)
        page.get_by_role("button", name="Send link").click()
        expect(page.get_by_role("status").first).to_contain_text("on its way")
        page.goto(read_mail("reset-password"))
        page.get_by_label("Password").fill(SECOND)
        page.get_by_role("button", name="Save password").click()
        expect(page.get_by_text("Your password is changed.")).to_be_visible()
        page.goto("/login")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(SECOND)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Hello, Eva")).to_be_visible()
        two_tabs_refresh_once(page)
    user = User.objects.get()
    assert (user.email, user.email_verified, user.check_password(SECOND)) == (email, True, True)
    order = Order.objects.get()
    assert (order.user_id, order.status, order.shipping_method) == (user.pk, "cancelled", "pickup-hamburg")
    assert audit.violations() == []


def choose_a_beanie(page: Page) -> None:
    """By filters and order, and back."""
    page.goto("/categories/clothing")
    expect(page.locator(".products")).to_be_visible()
    if not page.get_by_label("Coral").is_visible():
        page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Coral").check()
    expect(page.get_by_role("link", name="Remove filter Coral")).to_be_visible()
    # A change of the filters keeps them open, and the focus.
    expect(page.get_by_label("Coral")).to_be_focused()
    page.get_by_label("Sort by").select_option("price")
    expect(page).to_have_url(re.compile("opt_colour=Coral&ordering=price"))
    expect(page.locator(".products h3").first).to_have_text("Everyday Organic Tee")
    examine(page)
    page.get_by_role("link", name="Polar Merino Beanie").click()
    page.get_by_role("button", name="Add to cart").wait_for()
    page.go_back()
    expect(page.get_by_label("Sort by")).to_have_value("price")
    page.get_by_role("link", name="Polar Merino Beanie").click()


def two_tabs_refresh_once(page: Page) -> None:
    """An access token has expired, as seen by two tabs: one refreshes, and both stay logged in."""
    other = page.context.new_page()
    refreshes: list[str] = []
    for tab in (page, other):
        tab.on("request", lambda request: refreshes.append(request.url) if "/refresh/" in request.url else None)
    page.evaluate(
        "localStorage['shop.tokens'] = JSON.stringify({...JSON.parse(localStorage['shop.tokens']), access: 'expired'})"
    )
    for tab in (page, other):
        tab.goto("/account", wait_until="commit")
    for tab in (page, other):
        expect(tab.get_by_role("heading", name="Hello, Eva")).to_be_visible()
    assert len(refreshes) == 1


def test_the_storefront_works_on_another_origin_than_the_api(server: ShopServer, simulator: StripeSimulator) -> None:
    site = ThreadingHTTPServer(("127.0.0.1", 0), handler(api=f"{server.url}/api/v1", stripe_simulator=simulator.url))
    threading.Thread(target=site.serve_forever, daemon=True).start()
    try:
        with visit(f"http://127.0.0.1:{site.server_port}", DESKTOP) as page:
            open_tee(page)
            put_into_cart(page, "Coral", "M")
            page.get_by_role("link", name="Checkout").click()
            page.get_by_label("E-mail").fill("grace@example.com")
            fill_address(page)
            expect(page.get_by_text("Sales tax")).to_be_visible()
            page.get_by_role("button", name="Place order").click()
            enter_card(page, "4242424242424242")
            expect(page.get_by_text("Being prepared")).to_be_visible()
    finally:
        site.shutdown()
        site.server_close()
    assert [order.payment_status for order in Order.objects.all()] == ["paid"]
    assert Variant.objects.get(sku="TEE-EVERYDAY-CORAL-M").options == {"colour": "Coral", "size": "M"}
