"""What a demo product is made of."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings

from shop import money


@dataclass(frozen=True)
class DemoProduct:
    """A product, its variants spelled out by ``options``: every colour in every size, and so on.

    ``picture`` names the drawing in `shop.demo.pictures`, ``colours`` what it is drawn in (the first one leads).
    ``extra`` adds to the price of the variants with that option's value; ``sold_out`` lists values without stock.
    """

    slug: str
    name: str
    category: str
    sku: str
    price: str
    picture: str
    colours: tuple[str, ...]
    description: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    sold_out: tuple[str, ...] = ()
    compare_at: str | None = None
    stock: int = 24

    def data(self) -> dict[str, Any]:
        """Return what `catalog.services.create_product` takes, but for the category."""
        return {
            "name": self.name,
            "slug": self.slug,
            "description": self.description,
            "compare_at_price": shop_price(self.compare_at) if self.compare_at else None,
            "attributes": {"colour": self.colours[0], **self.attributes},
            "variants": list(self._variants()),
        }

    def _variants(self) -> Iterator[dict[str, Any]]:
        for number, values in enumerate(itertools.product(*self.options.values())):
            price = Decimal(self.price) + sum(Decimal(self.extra.get(value, "0")) for value in values)
            empty = self.stock == 0 or any(value in self.sold_out for value in values)
            yield {
                "sku": "-".join([self.sku, *(_code(value) for value in values)]),
                "options": dict(zip(self.options, values, strict=True)),
                "price": shop_price(str(price)),
                # Not the same everywhere, so that the admin's lists look like a shop's.
                "stock": 0 if empty else max(3, self.stock + (number * 7 + len(self.slug)) % 11 - 5),
            }


def shop_price(amount: str) -> Decimal:
    """Return a price written in dollars as one of the shop's currency: in yen, 24.00 becomes 2400."""
    price = Decimal(amount)
    if money.decimal_places(settings.CURRENCY) == 0:
        price *= 100
    return money.round_to_step(price)


def _code(value: str) -> str:
    return "".join(letter for letter in value.upper() if letter.isalnum())[:6]
