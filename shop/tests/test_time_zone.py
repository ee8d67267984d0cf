"""Every page of the admin shows times in the shop's time zone."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection

from orders.models import Order
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 3, 1, 20, 7, tzinfo=UTC)
# Kathmandu is 5 hours and 45 minutes ahead, so the day is another one as well.
IN_UTC, LOCAL = ("20:07", "8:07 p.m."), "01:52"
# The session of the browser would be over.
KEPT = ("django_session",)


def at_the_moment(value: Any) -> Any:
    """Return a part of a document with MOMENT for every time in it."""
    if isinstance(value, dict):
        return {name: at_the_moment(each) for name, each in value.items()}
    if isinstance(value, list):
        return [at_the_moment(each) for each in value]
    return MOMENT if isinstance(value, datetime) else value


def test_every_page_of_the_admin_shows_times_of_the_time_zone(
    populated_shop: Order, staff: Any, settings: Any, subtests: pytest.Subtests
) -> None:
    settings.TIME_ZONE = "Asia/Kathmandu"
    browser = browser_of(staff)
    for name, rows in dump_database().items():
        for row in rows:
            if name not in KEPT:
                connection.get_database()[name].replace_one({"_id": row["_id"]}, at_the_moment(row))
    Order.objects.update(expires_at=MOMENT)
    shown = 0
    for model in admin.site._registry:
        label, row = model._meta.label_lower, model._base_manager.first()
        for url in (url_of(label), *([url_of(label, "change", row.pk)] if row else [])):
            with subtests.test(url):
                page = browser.get(url)
                assert page.status_code == 200
                text = page.content.decode()
                assert not any(each in text for each in IN_UTC)
                shown += LOCAL in text
    assert shown > 12
    assert "2 Mar, 01:52" in browser.get("/admin/").content.decode()
