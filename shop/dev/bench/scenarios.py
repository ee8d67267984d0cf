import json
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any, NamedTuple

import requests

from shop.dev.demo.bench import PASSWORD

CATEGORIES = 20
USERS = 50
PAGES, PAGE_SIZE = 20, 20
# One product each: they do not wait for each other's stock.
BUYERS = 50
TIMEOUT = 30
# (from, to) within `shop.dev.demo.bench.price_of`: 1 to 1,000.
PRICE_RANGES = ((1, 500), (100, 300), (250, 1000))
ADDRESS = {
    "name": "Bench",
    "line1": "1 Main Street",
    "city": "Springfield",
    "state": "IL",
    "postal_code": "62701",
    "country": "US",
}


class Request(NamedTuple):
    method: str
    path: str
    token: str = ""
    body: dict[str, Any] | None = None

    @property
    def line(self) -> str:
        """Return the format of ``rotate.lua``."""
        return "\t".join((self.method, self.path, self.token, json.dumps(self.body) if self.body else ""))


class Visitor:
    """Build requests for the shop's API, with ids and tokens from it."""

    order_body: dict[str, Any] | None = {"shipping_address": ADDRESS}

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, request: Request) -> Any:
        """Return the JSON. Raises ``requests.RequestException`` without a 2xx."""
        headers = {"Authorization": f"Bearer {request.token}"} if request.token else {}
        address = f"{self._url}{request.path}"
        reply = requests.request(request.method, address, json=request.body, headers=headers, timeout=TIMEOUT)
        reply.raise_for_status()
        return reply.json()

    def product_ids(self) -> list[str]:
        pages = (self.ask(request) for request in list_pages(self))
        return [product["id"] for page in pages for product in page["results"]]

    def last_number(self) -> int:
        newest = self.ask(Request("GET", "/api/v1/products"))["results"][0]
        return int(newest["slug"].rpartition("-")[2])

    def tokens(self) -> list[str]:
        return [self.ask(request)["access"] for request in logins(self)]

    def put_in_cart(self, token: str, product: str) -> Request:
        return Request("POST", "/api/v1/cart/items", token, {"product": product, "quantity": 1})

    def set_quantity(self, token: str, item: dict[str, Any], quantity: int) -> Request:
        return Request("PATCH", f"/api/v1/cart/items/{item['id']}", token, {"quantity": quantity})

    def full_carts(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Return tokens with cart lines; refill ordered carts."""
        products = cycle(self.product_ids())
        carts = []
        for token in self.tokens():
            lines = self.ask(Request("GET", "/api/v1/cart", token))["items"]
            for product in islice(products, 0 if lines else 3):
                lines = self.ask(self.put_in_cart(token, product))["items"]
            carts.append((token, lines))
        return carts


class PeerVisitor(Visitor):
    """The peer keeps lines by product and takes no address."""

    order_body = None

    def put_in_cart(self, token: str, product: str) -> Request:
        return Request("PUT", f"/api/v1/cart/items/{product}", token, {"quantity": 1})

    def set_quantity(self, token: str, item: dict[str, Any], quantity: int) -> Request:
        return Request("PUT", f"/api/v1/cart/items/{item['product']['id']}", token, {"quantity": quantity})


def list_pages(visitor: Visitor) -> list[Request]:
    return [Request("GET", f"/api/v1/products?page={page}") for page in range(1, PAGES + 1)]


def filtered(visitor: Visitor) -> list[Request]:
    return [
        Request("GET", f"/api/v1/products?category=category-{number}&min_price={low}&max_price={high}")
        for low, high in PRICE_RANGES
        for number in range(CATEGORIES)
    ]


def search_one(visitor: Visitor) -> list[Request]:
    last = visitor.last_number()
    return [Request("GET", f"/api/v1/products?search={number}") for number in range(last - 99, last + 1)]


def search_thousand(visitor: Visitor) -> list[Request]:
    """A term that a thousand products match: in a large shop a prefix of numbers."""
    digits = len(str(visitor.last_number())) - 3
    words = range(10 ** (digits - 1), 2 * 10 ** (digits - 1)) if digits > 0 else ("bench", "product")
    pages = [(word, 1 + number % PAGES) for number, word in enumerate(islice(cycle(words), 100))]
    return [Request("GET", f"/api/v1/products?search={word}&page={page}") for word, page in pages]


def detail(visitor: Visitor) -> list[Request]:
    return [Request("GET", f"/api/v1/products/{product}") for product in visitor.product_ids()]


def cart(visitor: Visitor) -> list[Request]:
    return [Request("GET", "/api/v1/cart", token) for token, _ in visitor.full_carts()]


def cart_change(visitor: Visitor) -> list[Request]:
    carts = visitor.full_carts()
    # One change per user in turn: no cart is changed concurrently.
    return [
        visitor.set_quantity(token, lines[number % len(lines)], 1 + number // 3 % 9)
        for number in range(27)
        for token, lines in carts
    ]


def buy(visitor: Visitor) -> list[Request]:
    tokens = visitor.tokens()[:BUYERS]
    products = islice(cycle(visitor.product_ids()), len(tokens))
    puts = [visitor.put_in_cart(token, product) for token, product in zip(tokens, products, strict=True)]
    # Fill all carts before the first order.
    return puts + [Request("POST", "/api/v1/orders", token, visitor.order_body) for token in tokens]


def logins(visitor: Visitor) -> list[Request]:
    return [
        Request("POST", "/api/v1/auth/login", body={"email": f"bench{number}@example.com", "password": PASSWORD})
        for number in range(USERS)
    ]


class Scenario(NamedTuple):
    name: str
    requests: Callable[[Visitor], list[Request]]


# In this order: ordering empties carts.
SCENARIOS = {
    name: Scenario(name, function)
    for name, function in {
        "list": list_pages,
        "filtered": filtered,
        "detail": detail,
        "cart": cart,
        "cart change": cart_change,
        "buy": buy,
        "login": logins,
    }.items()
}
READING = {name: SCENARIOS[name] for name in ("list", "filtered", "detail")} | {
    name: Scenario(name, function)
    for name, function in {"search, 1 product": search_one, "search, 1,000": search_thousand}.items()
}
