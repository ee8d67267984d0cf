import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from catalog.availability import StockPolicy
from shop import money

# Grams of a piece, by category.
WEIGHTS = {
    "mugs-cups": 420,
    "tea-coffee": 950,
    "serveware": 1_200,
    "lighting": 2_600,
    "seating": 7_500,
    "tables-shelves": 12_000,
    "decoration": 700,
    "tops": 260,
    "accessories": 90,
    "bags": 850,
    "notebooks-pens": 220,
    "audio-tech": 900,
}
MEDIA = Path(__file__).resolve().parent.parent / "media"


class DemoPicture(NamedTuple):
    path: Path
    alt: str
    # Of the variants whose picture it is.
    colours: tuple[str, ...]


@dataclass(frozen=True)
class DemoProduct:
    """A product; its variants combine all ``options``.

    The leading picture shows the first of ``colours``. ``extra``: price by option's value; ``sold_out``: values without
    stock; ``back_order``: values that are sold before they arrive.
    """

    slug: str
    name: str
    category: str
    sku: str
    price: str
    colours: tuple[str, ...]
    description: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    sold_out: tuple[str, ...] = ()
    back_order: tuple[str, ...] = ()
    compare_at: str | None = None
    stock: int = 24
    weight: int = 0
    free_shipping: bool = False
    tax_class: str = "standard"
    brand: str = ""
    tags: tuple[str, ...] = ()
    # Slugs of additional categories.
    also_in: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Return arguments of `catalog.services.create_product`, without the categories."""
        return {
            "name": self.name,
            "slug": self.slug,
            "description": self.description,
            "brand": self.brand,
            "tags": list(self.tags),
            "compare_at_price": shop_price(self.compare_at) if self.compare_at else None,
            "free_shipping": self.free_shipping,
            "tax_class": self.tax_class,
            "attributes": {"colour": self.colours[0], **self.attributes},
            "variants": list(self._variants()),
        }

    def pictures(self) -> list[DemoPicture]:
        """Return ``media/<slug>/<position>-<view>.webp`` in order."""
        paths = {path.stem.partition("-")[2]: path for path in sorted((MEDIA / self.slug).iterdir())}
        shown = {view: self._colours(view) for view in paths}
        alone = set(itertools.chain(*shown.values()))
        if "together" in paths:
            shown["together"] = tuple(colour for colour in self.colours if colour not in alone)
        return [DemoPicture(path, self._alt(view), shown[view]) for view, path in paths.items()]

    def _colours(self, view: str) -> tuple[str, ...]:
        """Return the colour that the view shows alone, if any."""
        by_view = {f"in-{_slug(colour)}": colour for colour in self.colours}
        by_view |= {"studio": self.colours[0], "at-home": self.colours[:2][-1]}
        return (by_view[view],) if view in by_view else ()

    def _alt(self, view: str) -> str:
        colours = [colour.lower() for colour in self.colours]
        return {
            **{f"in-{_slug(colour)}": f"{self.name} in {colour}" for colour in colours},
            "studio": f"{self.name} in {colours[0]}",
            "together": f"{self.name} in {' and '.join(colours[:3])}",
            "at-home": f"{self.name} at home, in {colours[:2][-1]}",
            "close-up": f"{self.name}, a closer look",
        }[view]

    def _variants(self) -> Iterator[dict[str, Any]]:
        for number, values in enumerate(itertools.product(*self.options.values())):
            price = Decimal(self.price) + sum(Decimal(self.extra.get(value, "0")) for value in values)
            is_awaited = any(value in self.back_order for value in values)
            empty = self.stock == 0 or is_awaited or any(value in self.sold_out for value in values)
            yield {
                "sku": "-".join([self.sku, *(_code(value) for value in values)]),
                "options": dict(zip(self.options, values, strict=True)),
                "price": shop_price(str(price)),
                "weight": self.weight or WEIGHTS[self.category],
                **(_awaited() if is_awaited else {}),
                # Varied, to look realistic.
                "stock": 0 if empty else max(3, self.stock + (number * 7 + len(self.slug)) % 11 - 5),
            }


def _awaited() -> dict[str, Any]:
    return {
        "stock_policy": StockPolicy.BACKORDER,
        "backorder_limit": 20,
        "expected_on": timezone.localdate() + timedelta(days=21),
    }


def shop_price(amount: str) -> Decimal:
    """Convert dollars to the shop's currency: 24.00 becomes 2400 yen."""
    price = Decimal(amount)
    if money.decimal_places(settings.CURRENCY) == 0:
        price *= 100
    return money.round_to_step(price)


def _slug(colour: str) -> str:
    return colour.lower().replace(" ", "-")


def _code(value: str) -> str:
    return "".join(letter for letter in value.upper() if letter.isalnum())[:6]
