"""A day at the desk, in a real browser: all tasks with an order, on a desktop and on a phone."""

import csv
import io
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pypdfium2
import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from catalog.models import Product
from orders.models import Order, ShippingMethod, TaxRate
from payments.models import Payment
from shop import audit
from shop.dev.demo import seeding, terms
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.browser import DESKTOP, MISSING, PHONE, browser_page, chromium, log_in
from shop.dev.testing.day import NAMES, Shop
from shop.dev.testing.guests import with_token
from shop.dev.testing.hand import Hand
from shop.dev.testing.mails import link_in, work
from shop.dev.testing.server import ShopServer, shop_server
from shop.dev.testing.steps import stock_of
from shop.dev.testing.stripe_steps import deliver, pay

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]

T = TypeVar("T")
SELLER = {"SELLER_NAME": "Teller Ltd", "SELLER_ADDRESS": "1 Plate Lane,London,United Kingdom"}
COUNTS = django_settings.BASE_DIR / "docs" / "admin.md"


@pytest.fixture
def shop(
    settings: Any, simulator: StripeSimulator, make_product: Callable[..., Product], make_user: Callable[..., User]
) -> Shop:
    settings.INVOICES_ENABLED = settings.PRICES_INCLUDE_TAX = True
    settings.SELLER_NAME, settings.SELLER_ADDRESS = SELLER["SELLER_NAME"], SELLER["SELLER_ADDRESS"].split(",")
    seeding.seed_people()
    ShippingMethod.objects.create(code="standard", name="Standard", price="4.90")
    TaxRate.objects.create(country="GB", label="VAT", rate="20")
    mug = make_product("Blue mug", sku="MUG-1", price="20.00", stock=100)
    plate = make_product("White plate", sku="PLATE-1", price="30.00", stock=100)
    return Shop(simulator, mug, plate, make_user)


@pytest.fixture
def server(shop: Shop, tmp_path: Path) -> Iterator[ShopServer]:
    environment = {**SELLER, "PRICES_INCLUDE_TAX": "1", "STRIPE_API_BASE": shop.simulator.url}
    with shop_server(log=tmp_path / "web.log", **environment) as running:
        yield running


def elsewhere(function: Callable[[], T]) -> T:
    """Call it in a thread: Playwright's event loop forbids the ORM in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


class Desk:
    """The tasks. ``look`` checks and pictures a page after each."""

    def __init__(self, shop: Shop, page: Page, pictures: Path) -> None:
        self.shop, self.page, self.pictures = shop, page, pictures
        self.hand = Hand(page)
        self.width = (page.viewport_size or {})["width"]

    def look(self, name: str) -> None:
        self.page.wait_for_load_state("networkidle")
        self.page.screenshot(path=self.pictures / f"day-{name}-{self.width}.png", full_page=True)
        too_wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, name

    def done(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def find(self, name: str) -> None:
        """Open the order of a customer."""
        page, hand = self.page, self.hand
        hand.open("Orders")
        hand.write(page.locator("#searchbar"), name)
        hand.press("Enter")
        page.wait_for_url(re.compile("q="))
        hand.click(page.get_by_role("link", name=self.shop.orders[name].number))
        expect(page.get_by_role("heading", name="Timeline")).to_be_visible()

    def submit(self, name: str) -> None:
        self.hand.click(self.page.get_by_role("dialog").get_by_role("button", name=name, exact=True))

    def document(self, press: Callable[[], None]) -> bytes:
        """Return the file that a click opens or saves. The page stays."""
        files: list[bytes] = []

        def catch(route: Route) -> None:
            reply = route.fetch()
            if reply.headers["content-type"].startswith(("application/pdf", "text/csv")):
                files.append(reply.body())
                route.fulfill(status=204)
            else:
                route.fulfill(response=reply)

        self.page.context.route("**/admin/**", catch)
        press()
        give_up_at = time.monotonic() + 20
        while not files:
            assert time.monotonic() < give_up_at
            self.page.wait_for_timeout(50)
        self.page.context.unroute("**/admin/**", catch)
        return files[0]

    def picture(self, pdf: bytes, name: str) -> str:
        """Draw the first page, which must have a margin and ink; return the text of all."""
        document = pypdfium2.PdfDocument(pdf)
        image = document[0].render(scale=1.5).to_pil().convert("L")
        image.save(self.pictures / f"day-{name}-{self.width}.png")
        width, height = image.size
        ink = image.point(lambda value: 255 if value < 128 else 0).getbbox()
        assert ink is not None
        assert ink[0] > width * 0.03
        assert ink[2] < width * 0.97
        assert ink[3] < height * 0.99
        return "\n".join(each.get_textpage().get_text_range() for each in document)

    # --- The tasks ----------------------------------------------------------------------------------------------------

    def find_an_order(self) -> None:
        with self.hand.task("Find an order by the customer's name"):
            self.find("Grace Hopper")
        self.look("order")

    def ship_half(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Ship half of it"):
            self.hand.press_button("Ship items")
            hand.write(page.get_by_label("Blue mug"), "1")
            hand.write(page.get_by_label("White plate"), "1")
            hand.write(page.get_by_label("Carrier"), "DHL")
            hand.write(page.get_by_label("Tracking number"), "JD014600006281230701")
            self.look("ship-dialog")
            self.submit("Ship items")
            self.done("was marked as partially shipped")
        self.look("half-shipped")

    def correct_tracking(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Correct a tracking number"):
            hand.click(page.get_by_role("link", name="Correct tracking of parcel 1"))
            hand.write(page.get_by_label("Tracking number"), "JD014600006281230702")
            self.submit("Save")
            self.done("The tracking was saved.")
        parcel = elsewhere(lambda: self.shop["Grace Hopper"].fulfilments[0])
        assert parcel.tracking_number == "JD014600006281230702"
        order = elsewhere(lambda: self.shop["Grace Hopper"])
        assert [line.unfulfilled for line in order.lines] == [1, 1]

    def print_slips(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Print packing slips for five orders"):
            hand.open("Orders")
            hand.click(page.get_by_role("link", name="To ship"))
            rows = page.locator("#result_list tbody tr")
            expect(rows).to_have_count(5)
            hand.click(page.locator("#action-toggle"))
            hand.choose(page.locator("select[name=action]"), "print_packing_slips")
            self.look("five-chosen")
            pdf = self.document(lambda: hand.click(page.get_by_role("button", name="Run")))
        text = self.picture(pdf, "packing-slip")
        for name in NAMES:
            assert (name in text) == (name != "Ada Lovelace")

    def refund_a_line(self) -> None:
        page, hand = self.page, self.hand
        before = elsewhere(lambda: stock_of(self.shop.plate))
        with hand.task("Refund one line and put it back into stock"):
            self.find("Mary Somerville")
            self.hand.press_button("Refund")
            hand.write(page.get_by_label("White plate"), "2")
            hand.click(page.get_by_label("Put back into stock").nth(1))
            expect(page.get_by_label("Amount in USD")).to_have_value("60.00")
            self.look("refund-dialog")
            self.submit("Refund")
            self.done("60.00 USD was refunded.")
        self.catch_up()
        order = elsewhere(lambda: self.shop["Mary Somerville"])
        assert (order.payment_status, order.refunds[0].amount) == ("partially_refunded", Decimal("60.00"))
        assert elsewhere(lambda: stock_of(self.shop.plate)) == before + 2

    def take_a_return(self) -> None:
        before = elsewhere(lambda: stock_of(self.shop.mug))
        with self.hand.task("Take a return: approve, receive, restock and refund"):
            self.find("Ada Lovelace")
            self.hand.press_button("Approve return")
            self.submit("Approve return")
            self.done("The return was approved.")
            self.hand.press_button("Receive return")
            self.look("return-dialog")
            self.submit("Receive return")
            self.done("The return was received.")
        self.catch_up()
        order = elsewhere(lambda: self.shop["Ada Lovelace"])
        assert (order.returns[0].status, order.refunds[0].amount) == ("refunded", Decimal("20.00"))
        assert elsewhere(lambda: stock_of(self.shop.mug)) == before + 1
        self.page.reload()
        self.look("returned")

    def edit_an_address(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Edit the address of an order"):
            self.find("Emmy Noether")
            self.hand.press_button("Correct addresses")
            hand.write(page.locator("#id_shipping-line1"), "12 Station Road")
            hand.click(page.get_by_role("button", name="Preview"))
            page.get_by_text("The total would not change").wait_for()
            self.look("address")
            hand.click(page.get_by_role("button", name="Save"))
            self.done("was corrected")
        self.catch_up()
        order = elsewhere(lambda: self.shop["Emmy Noether"])
        assert (order.shipping_address.line1, order.shipping_address.city) == ("12 Station Road", "Leeds")

    def phone_order(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Enter an order by phone; the customer pays by a link"):
            hand.open("Orders")
            self.hand.press_button("New order")
            hand.write(page.get_by_label("E-mail address"), "joan@example.com")
            hand.write(page.get_by_label("SKU or name"), "mug")
            hand.click(page.get_by_role("button", name="Blue mug"))
            address = {"name": "Joan Clarke", "line1": "7 Mill Lane", "city": "Leeds", "postal_code": "LS2 7EW"}
            for field, text in address.items():
                hand.write(page.locator(f"#id_shipping-{field}"), text)
            hand.choose(page.locator("#id_shipping-country"), "GB")
            hand.click(page.get_by_role("button", name="Calculate"))
            page.get_by_text("Shipping and total").wait_for()
            self.look("phone-order")
            hand.click(page.get_by_role("button", name="Place order"))
            self.done("The customer gets a link to pay.")
        assert elsewhere(self.pay_by_link) == ("completed", "paid", "joan@example.com")
        page.reload()
        self.look("phone-order-paid")

    def pay_by_link(self) -> tuple[str, str, str]:
        order = Order.objects.latest("pk")
        (mail,) = [each for each in work() if each.to == ["joan@example.com"]]
        token = link_in(mail, f"orders/{order.number}")["token"]
        pay(with_token(token), self.shop.simulator, order.number)
        work()
        order.refresh_from_db()
        return order.status, order.payment_status, order.email

    def read_documents(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Open an order's invoice and credit note"):
            self.find("Mary Somerville")
            self.look("documents")
            links = page.get_by_role("link", name=re.compile("^PDF"))
            expect(links).to_have_count(2)
            found = [self.document(lambda each=each: hand.click(each)) for each in links.all()]
        invoice, credit = (self.picture(pdf, name) for pdf, name in zip(found, ("invoice", "credit-note"), strict=True))
        order = elsewhere(lambda: self.shop["Mary Somerville"])
        for text, number, amounts in (
            (invoice, order.invoice.number, ("104.90", "17.49")),
            (credit, order.credit_notes[0].number, ("60.00", "10.00")),
        ):
            for expected in (number, "Teller Ltd", "Mary Somerville", "VAT", *amounts):
                assert expected in text, (expected, text)

    def export_for_the_accountant(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Export the month for the accountant"):
            hand.open("Invoices")
            self.hand.press_button("Export for accounting")
            self.look("export")
            content = self.document(lambda: hand.click(page.get_by_role("button", name="CSV")))
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
        received = elsewhere(lambda: sum(each.amount_received - each.amount_refunded for each in Payment.objects.all()))
        # Two credit notes; the corrected address cancelled an invoice and issued another.
        assert len(rows) == len(NAMES) + 1 + 2 + 2
        assert sum(Decimal(row["Gross"]) for row in rows) == Decimal(received) / 100

    def count_stock(self) -> None:
        page, hand = self.page, self.hand
        with hand.task("Correct the stock of two variants"):
            hand.open("Inventory")
            hand.click(page.get_by_label("New stock of PLATE-1"))
            for text in ("50", "+5", "Stock count"):
                hand.type(text)
                hand.press("Enter")
            self.done("The stock of 2 variants was changed.")
        self.look("inventory")

    def catch_up(self) -> None:
        """Let Stripe's webhooks arrive and the worker's jobs run."""

        def run() -> None:
            work()
            deliver(self.shop.simulator)
            work()

        elsewhere(run)


def counted(efforts: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {name: (each.clicks, each.keys) for name, each in efforts.items()}


def in_docs() -> dict[str, list[tuple[int, int]]]:
    """Return the counts of each task in the documentation: on a desktop, and on a phone."""
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \+ (\d+) \| (\d+) \+ (\d+) \|", COUNTS.read_text(), re.MULTILINE)
    return {name: [(int(a), int(b)), (int(c), int(d))] for name, a, b, c, d in rows}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_day_at_the_desk(shop: Shop, server: ShopServer, tmp_path: Path, size: tuple[int, int]) -> None:
    pictures = Path(os.environ.get("DAY_PICTURES") or tmp_path)
    with browser_page(server.url, size=size) as page:
        log_in(page, terms.STAFF["email"], terms.STAFF["password"])
        desk = Desk(shop, page, pictures)
        desk.find_an_order()
        desk.ship_half()
        desk.correct_tracking()
        desk.print_slips()
        desk.refund_a_line()
        desk.take_a_return()
        desk.edit_an_address()
        desk.phone_order()
        desk.read_documents()
        desk.export_for_the_accountant()
        desk.count_stock()
    assert audit.violations() == []
    found = counted(desk.hand.efforts)
    assert found == {name: counts[size == PHONE] for name, counts in in_docs().items()}
