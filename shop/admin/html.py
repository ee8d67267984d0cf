"""Small pieces of the admin's pages, for lists and pages alike."""

from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from shop import media, money

NO_PICTURE = mark_safe('<span class="shop-picture shop-no-picture material-symbols-outlined">image</span>')


def badge(text: Any, kind: str = "") -> SafeString:
    """A coloured label; ``kind`` is success, info, warning, danger or nothing in particular."""
    return mark_safe(render_to_string("unfold/helpers/label.html", {"text": text, "type": kind}).strip())  # noqa: S308


def link(url: str, text: Any) -> SafeString:
    return format_html('<a class="shop-link" href="{}">{}</a>', url, text)


def thumbnail(name: str, alt: str = "") -> SafeString:
    """The stored picture in small, or a placeholder where there is none."""
    if not name:
        return NO_PICTURE
    url = media.image_url(name, size="thumbnail")
    return format_html('<img class="shop-picture" src="{}" alt="{}" loading="lazy">', url, alt)


def price(amount: Any) -> str:
    """An amount of the shop's currency with its code."""
    return f"{money.display(amount)} {settings.CURRENCY.upper()}"
