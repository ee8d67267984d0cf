"""Every admin filter works with each of its choices and with other values."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib import admin

from orders.models import Order
from shop.dev.testing.admin import browser_of, url_of

pytestmark = pytest.mark.django_db


def queries_of(spec: Any, changelist: Any) -> Iterator[dict[str, Any]]:
    """Yield the query of each choice that a filter offers, as a link or in a form."""
    for choice in spec.choices(changelist):
        if "query_string" in choice:
            yield dict(parse_qsl(choice["query_string"].lstrip("?")))
        for name, field in getattr(choice.get("form"), "fields", {}).items():
            # The page does not send the empty choice, which means all.
            yield from ({name: value} for value, _ in getattr(field, "choices", ()) if value != "")


@pytest.mark.slow
def test_every_filter_of_every_list_opens(populated_shop: Order, staff: Any, subtests: pytest.Subtests) -> None:
    browser = browser_of(staff)
    opened = 0
    for model, model_admin in admin.site._registry.items():
        url = url_of(model._meta.label_lower)
        page = browser.get(url)
        assert page.status_code == 200, url
        for spec in page.context["cl"].filter_specs:
            for query in queries_of(spec, page.context["cl"]):
                with subtests.test(f"{model._meta.label} {query}"):
                    assert browser.get(url, query).status_code == 200
                    opened += 1
            for parameter in spec.expected_parameters():
                for value in ("nonsense", "", "$ne", "99999999999999999999"):
                    with subtests.test(f"{model._meta.label} {parameter}={value}"):
                        # The admin goes back to the whole list if a value makes no sense.
                        assert browser.get(url, {parameter: value}).status_code in (200, 302)
        assert bool(page.context["cl"].filter_specs) == bool(model_admin.list_filter), url
    assert opened > 30
