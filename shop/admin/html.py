from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.admin.utils import quote
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from shop import money
from shop.media.urls import image_url

NO_PICTURE = mark_safe('<span class="shop-picture shop-no-picture material-symbols-outlined">image</span>')


def badge(text: Any, kind: str = "") -> SafeString:
    """``kind`` is success, info, warning, danger or ""."""
    return mark_safe(render_to_string("unfold/helpers/label.html", {"text": text, "type": kind}).strip())  # noqa: S308


def link(url: str, text: Any) -> SafeString:
    return format_html('<a class="shop-link" href="{}">{}</a>', url, text)


def page_url(model: str, pk: Any, page: str = "change") -> str:
    """As in ``page_url("orders.order", order.pk)``."""
    return reverse(f"admin:{model.lower().replace('.', '_')}_{page}", args=[quote(str(pk))])


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
