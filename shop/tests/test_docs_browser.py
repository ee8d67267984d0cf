"""The API documentation in a real browser: "Try it out" sends no filter that was not entered."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from catalog.models import Product
from shop.dev.testing.browser import MISSING, browser_page, chromium
from shop.dev.testing.server import shop_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.smoke,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chromium() is None, reason=MISSING),
]


@pytest.mark.parametrize(
    ("path", "operation"), [("products/", "listProducts"), ("products/facets/", "getProductFacets")]
)
def test_try_it_out_returns_every_product(
    make_product: Callable[..., Product], tmp_path: Path, path: str, operation: str
) -> None:
    make_product("Mug", attributes={"colour": "blue"})
    make_product("Hat")
    with shop_server(log=tmp_path / "web.log") as server, browser_page(server.url) as page:
        page.goto("/api/docs/")
        block = page.locator(f".opblock-get[id$='{operation}']")
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        with page.expect_response(lambda reply: f"/api/v1/{path}" in reply.url) as answered:
            block.get_by_role("button", name="Execute", exact=True).click()
        reply = answered.value
        assert (reply.status, reply.json()["count"]) == (200, 2), reply.url
        assert "attr" not in reply.url
        expect(block.locator(".request-url")).to_contain_text(f"/api/v1/{path}")
