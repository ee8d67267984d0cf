"""Steps of staff on a product's page."""

from typing import Any

from django.test import Client

from catalog.models import Product
from shop import jobs
from shop.dev.testing.admin import filled_in, url_of
from shop.dev.testing.images import stored_images


def save(browser: Client, product: Product | None = None, **changes: Any) -> Any:
    """Open a product's page (or the one for a new product), change what is named and save it; None takes away."""
    url = url_of("catalog.product", "change", product.pk) if product else url_of("catalog.product", "add")
    data = filled_in(browser.get(url)) | {name.replace("__", "-"): value for name, value in changes.items()}
    return browser.post(url, {name: value for name, value in data.items() if value is not None}, follow=True)


def stored_files() -> set[str]:
    return stored_images("products")


def run_jobs() -> None:
    while jobs.run_due():
        pass
