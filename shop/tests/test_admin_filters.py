"""Every admin filter works with each of its choices and with other values."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin

from orders.models import Order
from shop.dev.testing.admin import browser_of, filter_queries, url_of, without_rendering

pytestmark = pytest.mark.django_db


@pytest.fixture
def _unrendered() -> Iterator[None]:
    """Other tests render every list, and lists with a filter."""
    with without_rendering():
        yield


@pytest.mark.usefixtures("_unrendered")
def test_every_filter_of_every_list_opens(populated_shop: Order, staff: Any, subtests: pytest.Subtests) -> None:
    browser = browser_of(staff)
    opened = 0
    for model, model_admin in admin.site._registry.items():
        url = url_of(model._meta.label_lower)
        page = browser.get(url)
        assert page.status_code == 200, url
        for spec in page.context_data["cl"].filter_specs:
            for query in filter_queries(spec, page.context_data["cl"]):
                with subtests.test(f"{model._meta.label} {query}"):
                    assert browser.get(url, query).status_code == 200
                    opened += 1
            for parameter in spec.expected_parameters():
                for value in ("nonsense", "", "$ne", "99999999999999999999", "0001-01-01", "9999-12-31"):
                    with subtests.test(f"{model._meta.label} {parameter}={value}"):
                        # The admin goes back to the whole list if a value makes no sense.
                        assert browser.get(url, {parameter: value}).status_code in (200, 302)
        assert bool(page.context_data["cl"].filter_specs) == bool(model_admin.list_filter), url
    assert opened > 30
