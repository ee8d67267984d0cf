"""Catalog of the demo shop; parent categories first."""

from typing import NamedTuple

from shop.dev.demo.products.clothing import CLOTHING
from shop.dev.demo.products.home import HOME
from shop.dev.demo.products.kitchen import KITCHEN
from shop.dev.demo.products.model import DemoPicture, DemoProduct, shop_price
from shop.dev.demo.products.work import WORK

__all__ = [
    "CATEGORIES",
    "COLLECTIONS",
    "ON_SALE",
    "PRODUCTS",
    "DemoCategory",
    "DemoCollection",
    "DemoPicture",
    "DemoProduct",
    "shop_price",
]


class DemoCategory(NamedTuple):
    slug: str
    name: str
    parent: str | None = None


CATEGORIES = (
    DemoCategory("home-living", "Home & Living"),
    DemoCategory("kitchen", "Kitchen & Dining", "home-living"),
    DemoCategory("mugs-cups", "Mugs & Cups", "kitchen"),
    DemoCategory("tea-coffee", "Tea & Coffee", "kitchen"),
    DemoCategory("serveware", "Serveware", "kitchen"),
    DemoCategory("lighting", "Lighting", "home-living"),
    DemoCategory("furniture", "Furniture", "home-living"),
    DemoCategory("seating", "Seating", "furniture"),
    DemoCategory("tables-shelves", "Tables & Shelves", "furniture"),
    DemoCategory("decoration", "Decoration", "home-living"),
    DemoCategory("clothing", "Clothing"),
    DemoCategory("tops", "Tops", "clothing"),
    DemoCategory("accessories", "Accessories", "clothing"),
    DemoCategory("bags", "Bags & Travel"),
    DemoCategory("desk", "Desk & Stationery"),
    DemoCategory("notebooks-pens", "Notebooks & Pens", "desk"),
    DemoCategory("audio-tech", "Audio & Tech"),
)


class DemoCollection(NamedTuple):
    slug: str
    name: str
    description: str
    # Slugs, in order.
    products: tuple[str, ...]


COLLECTIONS = (
    DemoCollection(
        "slow-mornings",
        "Slow mornings",
        "Everything for a breakfast that takes its time.",
        (
            "alba-gooseneck-kettle",
            "harbour-stoneware-mug",
            "piccolo-espresso-cup",
            "komorebi-teapot",
            "carving-board-oak",
            "dune-serving-bowl",
        ),
    ),
    DemoCollection(
        "out-of-office",
        "Out of office",
        "Light luggage and warm layers for a weekend away.",
        ("weekender-duffel", "fjord-steel-bottle", "harvest-hoodie", "trail-socks", "commuter-backpack"),
    ),
)

ON_SALE = ("harvest-hoodie", "nook-stool", "still-headphones")

PRODUCTS: tuple[DemoProduct, ...] = (*KITCHEN, *HOME, *CLOTHING, *WORK)
