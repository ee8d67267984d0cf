from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from shop.db import identifiers

T = TypeVar("T")


class SkuMap(Generic[T]):
    """Values by SKU. Look-ups ignore case, but an exact match wins: old SKUs may differ in case only."""

    def __init__(self, pairs: Iterable[tuple[str, T]] = ()) -> None:
        self._by_sku: dict[str, T] = {}
        self._by_key: dict[str, str] = {}
        for sku, value in pairs:
            self.add(sku, value)

    def add(self, sku: str, value: T) -> None:
        self._by_sku[sku] = value
        self._by_key.setdefault(identifiers.key(sku), sku)

    def find(self, sku: str) -> T | None:
        return self._by_sku.get(sku if sku in self._by_sku else self._by_key.get(identifiers.key(sku), ""))

    def __contains__(self, sku: str) -> bool:
        return self.find(sku) is not None

    def items(self) -> Iterator[tuple[str, T]]:
        return iter(self._by_sku.items())
