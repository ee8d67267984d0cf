"""The admin in headless Chromium, driven by Playwright. As a script: fail without Chromium."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "There is no Chromium on this machine, so the admin is not tested in a browser: install it "
    "(`apt-get install chromium` on Debian and Ubuntu)."
)
# Enough for busy machines.
PATIENCE_MS = 30_000
DESKTOP, PHONE = (1440, 960), (390, 844)


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def browser_page(base_url: str, *, size: tuple[int, int] = DESKTOP) -> Iterator[Page]:
    """Open a page; its errors fail the block. Playwright's event loop forbids Django's ORM inside."""
    violations: list[str] = []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium()) as browser:
        context = browser.new_context(
            base_url=base_url, viewport={"width": size[0], "height": size[1]}, color_scheme="light"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", lambda said: violations.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: violations.append(str(error)))
        page.on(
            "response", lambda reply: violations.append(f"{reply.status} {reply.url}") if reply.status >= 400 else None
        )
        yield page
        assert not violations, "\n".join(violations)


def log_in(page: Page, email: str, password: str) -> None:
    page.goto("/admin/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.locator(".shop-dashboard").wait_for()


def drag(page: Page, handle: Locator, target: Locator) -> None:
    """Drag an element above ``target``, slowly enough for scripts."""
    handle.scroll_into_view_if_needed()
    start, end = handle.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"] + 10, (start["y"] + end["y"]) / 2, steps=8)
    page.mouse.move(end["x"] + 10, end["y"] + 2, steps=8)
    page.mouse.up()


def take_picture(page: Page, name: str, *, height: int | None = None) -> None:
    """Save a PNG in the folder ``SCREENSHOTS``, if set."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    if height is not None and page.viewport_size is not None:
        page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.reload(wait_until="networkidle")
    shot = Image.open(BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    # Text stays sharp at a third of the size.
    shot.quantize(256, dither=Image.Dither.NONE).save(Path(folder, f"{name}.png"), optimize=True)


if __name__ == "__main__":
    sys.exit(None if chromium() else MISSING)
