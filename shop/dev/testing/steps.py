from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

from django.db import connection, connections
from pymongo.read_concern import ReadConcern
from rest_framework.test import APIClient

from catalog.models import Product, StockMovement, Variant
from shop.changes.models import PendingChanges
from shop.dev.testing.writes import possibly_filled_collections

T = TypeVar("T")

API = "/api/v1"
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}
PARCEL = {"status": "shipped", "carrier": "DHL", "tracking_number": "JD014600003SE"}


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


class Dump(dict[str, list[dict[str, Any]]]):
    """Documents by collection; empty collections are missing, and read as such."""

    def __missing__(self, name: str) -> list[dict[str, Any]]:
        return []


def dump_database(*, with_changes: bool = False) -> Dump:
    """Return all documents, except those of migrations, which no test changes, and changes that wait for a position."""
    database = connection.database
    # Majority reads miss the latest writes of lower concern.
    names = possibly_filled_collections(database.with_options(read_concern=ReadConcern("local")))
    found = {
        name: list(database[name].find(sort=[("_id", 1)]))
        for name in names
        if with_changes or name != PendingChanges._meta.db_table
    }
    return Dump({name: documents for name, documents in found.items() if documents})


def snapshot() -> Callable[[], None]:
    """Return a function that restores the database as it is now."""
    before, hashes = dump_database(with_changes=True), _hashes()

    def restore() -> None:
        for name, digest in _hashes().items():
            if digest != hashes.get(name):
                collection = connection.database[name]
                collection.delete_many({})
                if before[name]:
                    collection.insert_many(before[name])

    return restore


def _hashes() -> dict[str, str]:
    """A digest of each collection, by one command for all."""
    return connection.database.command("dbHash")["collections"]


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
