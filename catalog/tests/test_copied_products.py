"""The products of `make_product` are those that the catalog creates."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import call_command

from catalog.models import Product
from catalog.services import create_product
from shop import audit
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

DATA: dict[str, Any] = {
    "simple": {"name": "Copied", "sku": "COPIED", "price": "10.00", "stock": 5, "attributes": {"colour": "red"}},
    "variants": {
        "name": "Copied",
        "variants": [
            {"sku": "S", "options": {"size": "S"}, "price": "10.00", "stock": 5},
            {"sku": "M", "options": {"size": "M"}, "price": "12.00", "compare_at_price": "15.00"},
        ],
    },
}


def without_ids_and_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_ids_and_times(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_ids_and_times(each) for each in value]
    return type(value) if isinstance(value, datetime | ObjectId) else value


@pytest.mark.parametrize("kind", list(DATA))
def test_a_copy_is_as_the_catalog_creates_it(make_product: Callable[..., Product], kind: str) -> None:
    call_command("flush", interactive=False, verbosity=0)
    create_product(data=DATA[kind])
    created = without_ids_and_times(dump_database())
    for _ in range(3):
        call_command("flush", interactive=False, verbosity=0)
        product = make_product(**DATA[kind])
        assert Product.objects.get() == product
        assert without_ids_and_times(dump_database()) == created
        assert audit.violations() == []


def test_a_second_one_of_the_same_name_is_another_product(make_product: Callable[..., Product]) -> None:
    made = [make_product("Twice") for _ in range(3)]
    assert len({product.pk for product in made}) == len({product.slug for product in made}) == 3
    assert Product.objects.filter(slug="twice").count() == 1
    assert audit.violations() == []
