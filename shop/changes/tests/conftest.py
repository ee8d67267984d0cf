from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from catalog.models import Product
from catalog.services import create_product
from shop.changes import kinds
from shop.changes.numbering import number_due
from shop.dev.testing.steps import API

Feed = Callable[..., dict[str, Any]]


@pytest.fixture
def make_product(db: None) -> Callable[..., Product]:
    """Copies of products record no changes."""
    names = iter(range(1, 1000))

    def make(name: str = "", **data: Any) -> Product:
        return create_product(data={"name": name or f"Thing {next(names)}", "price": "10.00", "stock": 5, **data})

    return make


@pytest.fixture
def feed(as_staff: APIClient) -> Feed:
    """Number the changes, and read a page as a superuser."""

    def read(**parameters: Any) -> dict[str, Any]:
        number_due()
        reply = as_staff.get(f"{API}/changes/", parameters)
        assert reply.status_code == 200, reply.content
        return reply.json()

    return read


@pytest.fixture
def probe() -> Iterator[kinds.Kind]:
    """A kind of changes whose types count from 0 to 9 and begin again."""
    kind = kinds.Kind(
        name="probe",
        permission="shop.view_change",
        events={str(number): "A probe." for number in range(10)},
        show=lambda object_id, parent: {"id": object_id},
    )
    before = dict(kinds.kinds()), dict(kinds.types())
    kinds.register(kind)
    yield kind
    for current, former in zip((kinds.kinds(), kinds.types()), before, strict=True):
        current.clear()
        current.update(former)
