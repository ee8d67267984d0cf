"""Guests who buy over HTTPS until they are told to stop."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
from django.core.management.base import CommandError

from shop.dev.demo.narration import Narrator
from shop.dev.demo.storefront import confirm_as_stripe_js
from shop.dev.rehearsal.machine import HOST, PASSWORD, STAFF, Machine

_TIMEOUT_SECONDS = 30.0
_PAID_SECONDS = 60.0
_ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


@dataclass
class Sales:
    """``orders`` maps numbers of paid orders to their tokens."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    orders: dict[str, str] = field(default_factory=dict)


class Client:
    """A storefront's server, which opens a connection for each request."""

    def __init__(self, machine: Machine, sales: Sales, *, shopper: str) -> None:
        self._machine, self._sales = machine, sales
        self.headers = {
            "Host": HOST,
            "X-Storefront-Key": machine.storefront_key,
            "X-Shopper-Address": shopper,
            "Connection": "close",
        }

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a reply. Raises :class:`CommandError` for one that is no success."""
        with requests.Session() as http:
            http.trust_env = False
            http.verify = str(self._machine.certificate)
            try:
                reply = http.request(
                    method,
                    f"{self._machine.url}/api/v1{path}",
                    json=body,
                    headers=self.headers,
                    timeout=_TIMEOUT_SECONDS,
                )
            except requests.RequestException as error:
                raise CommandError(f"{method} {path}: {error!r}") from error
        self._sales.requests += 1
        if not reply.ok:
            raise CommandError(f"{method} {path} answered {reply.status_code}: {reply.text[:300]}")
        if token := reply.headers.get("X-Cart-Token"):
            self.headers["X-Cart-Token"] = token
        return reply.json()

    def log_in(self) -> None:
        access = self.call("POST", "/auth/login/", {"email": STAFF, "password": PASSWORD})["access"]
        self.headers["Authorization"] = f"Bearer {access}"

    def buy(self, product: str) -> tuple[str, str]:
        """Buy one piece and wait until it is paid; return the order's number and token."""
        self.call("GET", "/products/")
        self.call("GET", f"/products/{product}/")
        self.call("POST", "/cart/items/", {"product": product, "quantity": 1})
        order = self.call("POST", "/orders/", {"email": "ada@shop-customer.org", "shipping_address": _ADDRESS})
        number, token = order["number"], order["token"]
        self.headers["X-Order-Token"] = token
        payment = self.call("POST", "/payments/", {"order": number})
        status, answer = confirm_as_stripe_js(
            self._machine.stripe.url, payment, card="pm_card_visa", narrator=Narrator()
        )
        if status != 200:
            raise CommandError(f"Stripe answered {status}: {answer}")
        give_up_at = time.monotonic() + _PAID_SECONDS
        while self.call("GET", f"/orders/{number}/")["payment_status"] != "paid":
            if time.monotonic() > give_up_at:
                raise CommandError(f"order {number} was not paid within {_PAID_SECONDS:g} s")
            time.sleep(0.2)
        return number, token


@contextlib.contextmanager
def shoppers(machine: Machine, product: str, *, count: int) -> Iterator[Sales]:
    """Let ``count`` guests buy one piece after the other; a failed request ends a purchase and is listed."""
    sales = Sales()
    stop = threading.Event()
    numbers = itertools.count(1)

    def buy() -> None:
        while not stop.is_set():
            number = next(numbers)
            client = Client(machine, sales, shopper=f"198.51.{number // 250 % 250}.{number % 250 + 1}")
            try:
                order, token = client.buy(product)
                sales.orders[order] = token
            except CommandError as error:
                sales.failures.append(str(error))
                stop.wait(0.2)

    threads = [threading.Thread(target=buy) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield sales
    finally:
        stop.set()
        for thread in threads:
            thread.join()
