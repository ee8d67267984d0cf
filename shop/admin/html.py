import re
from decimal import Decimal
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from shop import money
from shop.media.urls import image_url

NO_PICTURE = mark_safe('<span class="shop-picture shop-no-picture material-symbols-outlined">image</span>')

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_]+")


def badge(text: Any, kind: str = "") -> SafeString:
    """``kind`` is success, info, warning, danger or ""."""
    return format_html(_badge_frame(kind), text)


@cache
def _badge_frame(kind: str) -> str:
    return render_to_string("unfold/helpers/label.html", {"text": "{}", "type": kind}).strip()


def page_context(model_admin: Any, request: HttpRequest, title: str) -> dict[str, Any]:
    """Return the context of a page beside a model's list: its header names app, list and title."""
    return {
        **model_admin.admin_site.each_context(request),
        "model_admin": model_admin,
        "title": title,
        "content_title": title,
    }


def link(url: str, text: Any) -> SafeString:
    return format_html('<a class="shop-link" href="{}">{}</a>', url, text)


def page_url(model: str, pk: Any, page: str = "change") -> str:
    """As in ``page_url("orders.order", order.pk)``."""
    # A key of ASCII letters, digits and "_" needs no escaping in a path.
    if not _PLAIN_KEY.fullmatch(key := quote(str(pk))):
        return reverse(_page_name(model, page), args=[key])
    before, after = _around_key(model, page)
    return f"{before}{key}{after}"


@cache
def _around_key(model: str, page: str) -> tuple[str, str]:
    before, _, after = reverse(_page_name(model, page), args=["0_KEY_0"]).rpartition("0_KEY_0")
    return before, after


def _page_name(model: str, page: str) -> str:
    return f"admin:{model.lower().replace('.', '_')}_{page}"


def list_url(model: str, **filters: str) -> str:
    """As in ``list_url("orders.order", status__exact="pending")``."""
    address = reverse(f"admin:{model.replace('.', '_')}_changelist")
    return f"{address}?{urlencode(filters)}" if filters else address


def thumbnail(name: str, alt: str = "") -> SafeString:
    if not name:
        return NO_PICTURE
    url = image_url(name, size="thumbnail")
    return format_html('<img class="shop-picture" src="{}" alt="{}" loading="lazy">', url, alt)


def price(amount: Decimal, currency: str = "") -> str:
    """Return ``1,499.00 USD``."""
    currency = currency or settings.CURRENCY
    return f"{money.quantize(amount, currency):,f} {currency.upper()}"
