"""A member of staff at a page: counts clicks and keystrokes by task."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Locator, Page


@dataclass
class Effort:
    clicks: int = 0
    keys: int = 0


class Hand:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.efforts: dict[str, Effort] = {}
        self._effort = Effort()

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        self._effort = self.efforts.setdefault(name, Effort())
        yield

    def click(self, target: Locator) -> None:
        self._effort.clicks += 1
        target.click()

    def write(self, target: Locator, text: str) -> None:
        """Click a field, select what is in it and type; a focused field needs no click."""
        if target.evaluate("element => element !== document.activeElement"):
            self.click(target)
        if target.input_value():
            self.press("Control+a")
        self._effort.keys += len(text)
        target.press_sequentially(text)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._effort.keys += len(text)
        self.page.keyboard.type(text)

    def press(self, key: str) -> None:
        """Press a key; with its modifier it counts once."""
        self._effort.keys += 1
        self.page.keyboard.press(key)

    def choose(self, select: Locator, value: str) -> None:
        """Open the list and click a choice."""
        self._effort.clicks += 2
        select.select_option(value)

    def open(self, name: str) -> None:
        """Open a page by the menu, which is behind a button on a phone."""
        if self._is_narrow:
            self.click(self.page.get_by_role("button", name="Show or hide the menu").first)
        self.click(self.page.locator("#nav-sidebar").get_by_role("link", name=name, exact=True))

    def press_button(self, name: str) -> None:
        """Press a button of the page's header, which is in a menu on a phone, or one in the page."""
        button = self.page.get_by_role("link", name=name, exact=True).first
        if self._is_narrow and not button.is_visible():
            self.click(self.page.locator("#header-inner").get_by_role("link", name="More actions"))
        self.click(button)

    @property
    def _is_narrow(self) -> bool:
        return (self.page.viewport_size or {"width": 0})["width"] < 1024
