"""Staff enter an order and correct its address on a phone, in a real browser."""

import os
from pathlib import Path
from typing import Any

import pytest

from catalog import services
from orders.models import Order
from shop.dev.demo import seeding, terms
from shop.dev.testing.admin import url_of
from shop.dev.testing.browser import MISSING, PHONE, browser_page, chromium, log_in
from shop.dev.testing.server import shop_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]

ADDRESS = {"name": "Grace Hopper", "line1": "Unter den Linden 1", "city": "Berlin", "postal_code": "10117"}


def test_staff_enter_an_order_and_correct_its_address_on_a_phone(db: None, tmp_path: Path) -> None:
    seeding.seed_people()
    seeding.seed_terms()
    services.create_product(data={"name": "Blue mug", "price": 20, "stock": 5, "sku": "MUG-1"})
    pictures: Any = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    with shop_server(log=tmp_path / "web.log") as server, browser_page(server.url) as page:
        log_in(page, terms.STAFF["email"], terms.STAFF["password"])
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        page.goto(url_of("orders.order", "new"))
        page.get_by_label("E-mail address").fill("grace@example.com")
        page.get_by_label("SKU or name").fill("mug")
        page.get_by_role("button", name="Blue mug").click()
        page.get_by_label("Quantity of Blue mug").fill("2")
        for name, text in ADDRESS.items():
            page.locator(f"#id_shipping-{name}").fill(text)
        page.locator("#id_shipping-country").select_option("DE")
        page.get_by_role("button", name="Calculate").click()
        page.get_by_text("Shipping and total").wait_for()
        page.screenshot(path=pictures / "new-order-390.png", full_page=True)
        too_wide = page.locator("html").evaluate("element => element.scrollWidth - element.clientWidth")
        assert too_wide <= 0
        page.get_by_role("button", name="Place order").click()
        page.get_by_text("was placed").wait_for()
        order_page = page.url
        page.get_by_label("Add a note").fill("Call before noon")
        page.get_by_role("button", name="Save note").click()
        page.get_by_text("The note was added").wait_for()
        page.screenshot(path=pictures / "order-390.png", full_page=True)
        page.goto(order_page.replace("/change/", "/addresses/"))
        page.locator("#id_shipping-city").fill("Potsdam")
        page.get_by_role("button", name="Preview").click()
        page.get_by_text("The total would not change").wait_for()
        page.screenshot(path=pictures / "addresses-390.png", full_page=True)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("was corrected").wait_for()
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.screenshot(path=pictures / "order-1440.png", full_page=True)
    order = Order.objects.get()
    assert (order.email, order.lines[0].quantity) == ("grace@example.com", 2)
    assert (order.shipping_address.city, order.notes[0].text) == ("Potsdam", "Call before noon")
