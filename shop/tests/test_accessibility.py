"""The admin by keyboard and screen reader, in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from playwright.sync_api import Page, expect

from accounts.models import User
from orders.models import Order
from payments.models import Payment
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.browser import DESKTOP, MISSING, PHONE, browser_page, chromium, log_in
from shop.dev.testing.server import shop_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]

PASSWORD = "a long password of staff"
LONG = "W" * 300


@pytest.fixture
def pages(populated_shop: Order, staff: User) -> dict[str, str]:
    """Addresses of every list, of the pages of its first row and of its add page, by name."""
    staff.set_password(PASSWORD)
    staff.save()
    populated_shop.note, populated_shop.shipping_address.city = LONG, LONG[:100]
    populated_shop.save(update_fields=["note", "shipping_address"])
    Payment.objects.update(status="succeeded", amount_received=1490)
    found = {"dashboard": "/admin/", "password": "/admin/password_change/"}
    browser = browser_of(staff)
    for model, model_admin in admin.site._registry.items():
        label = model._meta.label_lower
        row = model_admin.model._default_manager.first()
        found[label] = url_of(label)
        addresses = {page: url_of(label, page, row.pk) for page in ("change", "history", "delete")}
        addresses["add"] = url_of(label, "add")
        found |= {
            f"{label} {page}": address for page, address in addresses.items() if browser.get(address).status_code == 200
        }
    assert len(found) > 60
    return found


@pytest.fixture
def server(pages: dict[str, str], tmp_path: Path) -> Any:
    with shop_server(log=tmp_path / "web.log") as running:
        yield running


def faults(page: Page) -> list[str]:
    """Return the serious and critical violations that axe finds on the page."""
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_axe_finds_nothing_serious_on_any_page_in_light_and_dark(
    server: Any, pages: dict[str, str], staff: User
) -> None:
    found: dict[str, list[str]] = {}
    with browser_page(server.url) as page:
        page.goto("/admin/")
        found["login"] = faults(page)
        log_in(page, staff.email, PASSWORD)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for name, address in pages.items():
                page.goto(address)
                found[f"{name}, {scheme}"] = faults(page)
                page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
                found[f"{name}, {scheme}, phone"] = too_wide(page)
                page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    assert [f"{name}: {fault}" for name, each in found.items() for fault in each] == []


def too_wide(page: Page) -> list[str]:
    """Return what does not fit: the page into the window, text into the cards of an order."""
    return page.evaluate(
        "[document.documentElement, ...document.querySelectorAll('.shop-order-side .shop-card')]"
        ".filter(each => each.scrollWidth > each.clientWidth)"
        ".map(each => `${each.className}: ${each.scrollWidth} of ${each.clientWidth}`)"
    )


def test_every_dialog_opens_by_the_keyboard_and_gives_the_focus_back(
    server: Any, pages: dict[str, str], staff: User
) -> None:
    opened, found = set(), []
    with browser_page(server.url) as page:
        log_in(page, staff.email, PASSWORD)
        for address in [each for name, each in pages.items() if name.endswith(" change")]:
            page.goto(address)
            for button in page.locator("[hx-get][hx-target='#modal-content']:visible").all():
                button.focus()
                page.keyboard.press("Enter")
                dialog = page.get_by_role("dialog")
                expect(dialog.get_by_role("heading")).to_be_visible()
                opened.add(dialog.get_by_role("heading").inner_text())
                found += faults(page)
                page.keyboard.press("Escape")
                expect(dialog).to_be_hidden()
                expect(button).to_be_focused()
    assert found == []
    assert {"Ship items", "Cancel this order?", "Refund", "Replay this event?", "Run this job now?"} <= opened


def open_dialog(page: Page) -> None:
    page.get_by_role("link", name="Ship items").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Ship items")).to_be_visible()


def reach(page: Page, selector: str, *, at_most: int = 80) -> None:
    """Press Tab until the focus is on this."""
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText || ''").strip()


def test_everything_is_reached_by_the_keyboard(server: Any, pages: dict[str, str], staff: User) -> None:
    with browser_page(server.url) as page:
        log_in(page, staff.email, PASSWORD)

        # Past the menu.
        page.goto(pages["orders.order"])
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"

        # A dialog takes the focus, keeps it, and gives it back.
        page.goto(pages["orders.order change"])
        open_dialog(page)
        dialog = page.get_by_role("dialog")
        expect(page.get_by_label("Carrier")).to_be_focused()
        for _ in range(8):
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('[role=dialog]')"
            )
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("link", name="Ship items")).to_be_focused()

        # A row's menu, and the dialog behind it.
        page.goto(pages["catalog.variant"])
        page.evaluate("document.getElementById('content').tabIndex = -1, document.getElementById('content').focus()")
        reach(page, "[aria-label='More actions']")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Change stock").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("[aria-label='More actions']:visible").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Change stock").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Adjust by")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("[aria-label='More actions']:visible").first).to_be_focused()

        # The menu at the side, a group of it, and the way out.
        page.goto("/admin/")
        reach(page, "h2 [role=button]")
        assert page.evaluate("document.activeElement.ariaExpanded") == "false"
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Staff actions")).to_be_visible()
        reach(page, "[role=button]:has(.select-none)")
        page.keyboard.press("Enter")
        reach(page, "#logout-form button")
        reach(page, "[aria-label='Show or hide the menu']")
        page.keyboard.press(" ")
        expect(page.get_by_role("link", name="Staff actions")).to_be_hidden()


def test_a_form_that_was_refused_shows_where(server: Any, pages: dict[str, str], staff: User) -> None:
    for size in ((1440, 700), PHONE):
        with browser_page(server.url, size=size) as page:
            log_in(page, staff.email, PASSWORD)
            page.goto(pages["catalog.product add"])
            page.get_by_label("Name").first.fill("Mug")
            page.locator("[name=variants-0-sku]").fill("MUG")
            page.locator("[name=variants-0-price]").fill("-1")
            page.get_by_role("button", name="Save", exact=True).click()
            price = page.locator("[name=variants-0-price]")
            expect(price).to_be_focused()
            # Not under the page's buttons either.
            box = price.bounding_box()
            assert box is not None
            assert 60 < box["y"] < size[1] - 120


def open_a_dialog_without_a_connection(url: str, address: str, staff: User) -> None:
    with browser_page(url) as page:
        log_in(page, staff.email, PASSWORD)
        page.goto(address)
        page.route("**/ship/", lambda route: route.abort())
        page.get_by_role("link", name="Ship items").click()
        expect(page.get_by_role("alert")).to_contain_text("The request failed.")
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_dialog_that_cannot_be_loaded_shows_an_error(server: Any, pages: dict[str, str], staff: User) -> None:
    # At the end the browser complains of the request.
    with pytest.raises(AssertionError, match="htmx:sendError"):
        open_a_dialog_without_a_connection(server.url, pages["orders.order change"], staff)
