"""Staff generate the variants of a product and duplicate it, in a real browser."""

import os
from pathlib import Path
from typing import Any

import pytest

from catalog import services
from catalog.models import Product, Variant
from shop.dev.demo import seeding, terms
from shop.dev.demo.products.clothing import CLOTHING
from shop.dev.testing.admin import url_of
from shop.dev.testing.browser import MISSING, PHONE, browser_page, chromium, log_in
from shop.dev.testing.server import shop_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]

OPTIONS = "size: S | M | L | XL\ncolour: Red | Blue | Green | Black\nfit: Slim | Regular | Loose | Tall"


def test_staff_generate_sixty_four_variants_and_duplicate_the_product(db: None, tmp_path: Path) -> None:
    seeding.seed_people()
    seeding.seed_categories()
    striped = [product for product in CLOTHING if product.back_order]
    seeding.seed_products(striped, tick=lambda done, total: None)
    seeding.seed_pictures(striped, tick=lambda done, total: None)
    tee = services.create_product(data={"name": "Plain tee", "price": 20, "stock": 5})
    page_of_tee = url_of("catalog.product", "change", tee.pk)
    other = url_of("catalog.product", "change", Product.objects.get(slug=striped[0].slug).pk)
    awaited = url_of("catalog.variant", "change", Variant.objects.filter(stock_policy="backorder")[0].pk)
    pictures: Any = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    with shop_server(log=tmp_path / "web.log") as server, browser_page(server.url) as page:
        log_in(page, terms.STAFF["email"], terms.STAFF["password"])
        page.goto(page_of_tee)
        page.get_by_role("link", name="Generate variants").first.click()
        page.get_by_label("Options").fill(OPTIONS)
        page.get_by_label("SKU pattern").fill("TEE-{colour}-{size}-{fit}")
        page.get_by_label("Stock of each").fill("3")
        page.screenshot(path=pictures / "variants-options-1440.png", full_page=True)
        page.get_by_role("button", name="Preview").click()
        page.get_by_text("64 combinations").wait_for()
        page.screenshot(path=pictures / "variants-preview-1440.png")
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        for name in ("html", ".shop-scroll"):
            too_wide = page.locator(name).evaluate("element => element.scrollWidth - element.clientWidth")
            assert too_wide <= 0, f"{name} scrolls sideways"
        page.screenshot(path=pictures / "variants-preview-390.png")
        page.get_by_role("button", name="Add 64 variants").click()
        page.get_by_text("63 variants added").wait_for()
        for name, address in (("product", other), ("variant", awaited)):
            for width in (1440, PHONE[0]):
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(address)
                page.screenshot(path=pictures / f"{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(awaited)
        page.get_by_text("Stock policy").first.click()
        page.get_by_label("Most on back-order").wait_for()
        page.screenshot(path=pictures / "policy-1440.png")
        page.goto(other)
        page.get_by_text("Duplicate").first.click()
        page.get_by_text("The copy is a draft").wait_for()
        page.screenshot(path=pictures / "duplicate-1440.png")
        page.get_by_role("button", name="Duplicate").last.click()
        page.get_by_text("is a draft: edit it").wait_for()
    copy = Product.objects.get(is_active=False)
    assert copy.name.endswith("(copy)")
    assert Variant.objects.filter(product=tee).count() == 64
