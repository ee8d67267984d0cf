"""Collections, sales and categories of a product in the admin, in a real browser."""

import os
from pathlib import Path
from typing import Any

import pytest
import requests

from catalog.collections.models import Collection, CollectionItem
from catalog.models import Product
from catalog.tests.conftest import put_on_shelf
from shop.dev.demo import seeding, terms
from shop.dev.demo.products import COLLECTIONS, ON_SALE, PRODUCTS
from shop.dev.testing.admin import url_of
from shop.dev.testing.browser import MISSING, PHONE, browser_page, chromium, drag, log_in
from shop.dev.testing.server import shop_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]


@pytest.fixture
def collection(db: None) -> Collection:
    """The demo's first collection, with 2,000 more products."""
    seeding.seed_people()
    seeding.seed_categories()
    shown = {*COLLECTIONS[0].products, ON_SALE[0]}
    demo = [product for product in PRODUCTS if product.slug in shown]
    seeding.seed_products(demo, tick=lambda done, total: None)
    seeding.seed_pictures(demo, tick=lambda done, total: None)
    seeding.seed_collections()
    seeding.seed_sale()
    collection = Collection.objects.get(slug=COLLECTIONS[0].slug)
    of_it = {"collections": [collection.pk], "placed_in": [collection.pk]}
    more = put_on_shelf(*(of_it for _ in range(2_000)))
    CollectionItem.objects.bulk_create(
        CollectionItem(collection=collection, product=product, position=100 + number)
        for number, product in enumerate(more)
    )
    return collection


def test_staff_sort_a_collection_of_two_thousand_products(collection: Collection, tmp_path: Path) -> None:
    url = url_of("catalog.collection", "change", collection.pk)
    product_url = url_of("catalog.product", "change", Product.objects.get(slug=ON_SALE[0]).pk)
    pictures: Any = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    with shop_server(log=tmp_path / "web.log") as server:

        def first(number: int) -> list[str]:
            reply = requests.get(
                f"{server.url}/api/v1/products/", {"collection": collection.slug, "page_size": number}, timeout=10
            )
            return [item["name"] for item in reply.json()["results"]]

        before = first(4)
        with browser_page(server.url) as page:
            log_in(page, terms.STAFF["email"], terms.STAFF["password"])
            page.goto(url)
            rows = page.locator(".shop-sorted li")
            # The last becomes the second, by its number; the first goes above the fourth, by dragging.
            last = rows.last.locator("input")
            last.scroll_into_view_if_needed()
            last.fill("2")
            last.press("Enter")
            drag(page, rows.nth(3).locator(".shop-handle"), rows.nth(0))
            rows.nth(4).get_by_role("button").click()
            page.screenshot(path=pictures / "collection-1440.png", full_page=True)
            page.get_by_role("button", name="Save and continue editing").click()
            page.get_by_text("was changed successfully").wait_for()
            for name, address in (("collections", url_of("catalog.collection")), ("product", product_url)):
                page.goto(address)
                page.screenshot(path=pictures / f"{name}-1440.png", full_page=True)
            page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            for name, address in (("collection", url), ("product", product_url)):
                page.goto(address)
                page.screenshot(path=pictures / f"{name}-390.png", full_page=name == "product")
        assert first(4) == [before[2], before[0], "P1999", before[1]]
