from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

from django.db import connection, connections
from rest_framework.test import APIClient

from catalog.models import Product, StockMovement, Variant

T = TypeVar("T")

API = "/api/v1"
ADDRESS = {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "country": "GB"}


def add_to_cart(client: APIClient, product: Product, quantity: int = 1, **headers: str) -> dict[str, Any]:
    body = {"product": str(product.pk), "quantity": quantity}
    reply = client.post(f"{API}/cart/items/", body, headers=headers)
    assert reply.status_code == 201, reply.content
    return reply.json()


def cart_of(client: APIClient, **headers: str) -> dict[str, Any]:
    reply = client.get(f"{API}/cart/", headers=headers)
    assert reply.status_code == 200, reply.content
    return reply.json()


def variant_of(product: Product) -> Variant:
    return Variant.objects.get(product=product)


def stock_of(product: Product) -> int:
    """Return a simple product's stock, which must equal its movements."""
    variant = variant_of(product)
    assert variant.stock == sum(StockMovement.objects.filter(variant=variant).values_list("delta", flat=True))
    return variant.stock


def run_concurrently(*functions: Callable[[], T]) -> list[T]:
    """Call the functions after a common start; return results in order."""
    start = Barrier(len(functions))

    def run(function: Callable[[], T]) -> T:
        start.wait()
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(functions)) as pool:
        futures = [pool.submit(run, function) for function in functions]
        return [future.result(60) for future in futures]


def dump_database() -> dict[str, list[Any]]:
    database = connection.database
    names = sorted(database.list_collection_names(filter={"type": "collection"}))
    return {name: list(database[name].find(sort=[("_id", 1)])) for name in names if not name.startswith("system.")}


def place_order(client: APIClient, product: Product | None = None, quantity: int = 1, **body: Any) -> dict[str, Any]:
    """Order the cart, with ``product`` if given."""
    if product is not None:
        add_to_cart(client, product, quantity)
    reply = client.post(f"{API}/orders/", {"shipping_address": ADDRESS, **body})
    assert reply.status_code == 201, reply.content
    return reply.json()


def order_of(client: APIClient, number: str) -> dict[str, Any]:
    reply = client.get(f"{API}/orders/{number}/")
    assert reply.status_code == 200, reply.content
    return reply.json()


def events_of(order: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["event"], entry["actor"]) for entry in order["timeline"]]
