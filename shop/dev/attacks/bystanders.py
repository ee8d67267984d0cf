"""Customers, a load balancer and Stripe, paced. As a script: URL SECONDS SECRET; needs no Django."""

import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from typing import Any

import requests

from shop.dev.stripe_simulator.delivery import sign

CUSTOMERS = 6
PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 15


class Bystanders:
    def __init__(self, url: str, *, seconds: float, secret: str) -> None:
        self.url, self.secret = url, secret
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self.seconds: dict[str, list[float]] = {}
        self.refused: Counter[str] = Counter()

    def run(self) -> None:
        targets = [*[self._customer] * CUSTOMERS, self._load_balancer, self._stripe]
        threads = [threading.Thread(target=target, args=(number,)) for number, target in enumerate(targets)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _customer(self, number: int) -> None:
        with requests.Session() as http:
            http.trust_env = False
            products = [each["id"] for each in http.get(f"{self.url}/api/v1/products/", timeout=60).json()["results"]]
            chance = random.Random(number)  # noqa: S311
            while self._goes_on():
                product = chance.choice(products)
                self._ask(http, "list", "GET", f"/api/v1/products/?page={chance.randint(1, 20)}")
                self._ask(http, "detail", "GET", f"/api/v1/products/{product}/")
                reply = self._ask(http, "cart", "POST", "/api/v1/cart/items/", json={"product": product, "quantity": 1})
                if reply is not None and "X-Cart-Token" in reply.headers:
                    http.headers["X-Cart-Token"] = reply.headers["X-Cart-Token"]
                if chance.random() < 0.2:
                    self._ask(http, "empty cart", "DELETE", "/api/v1/cart/")

    def _load_balancer(self, _: int) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while self._goes_on():
                self._ask(http, "livez", "GET", "/livez")

    def _stripe(self, _: int) -> None:
        with requests.Session() as http:
            http.trust_env = False
            for number in itertools.takewhile(lambda _: self._goes_on(), itertools.count()):
                event = {"id": f"evt_bystander_{time.time_ns()}_{number}", "object": "event", "type": "product.created"}
                event |= {"created": int(time.time()), "livemode": True, "data": {"object": {"id": "prod_1"}}}
                body = json.dumps(event).encode()
                headers = {"Stripe-Signature": sign(body, [self.secret], int(time.time()))}
                self._ask(http, "webhook", "POST", "/api/v1/payments/webhook/", data=body, headers=headers)

    def _goes_on(self) -> bool:
        return time.monotonic() < self._ends_at

    def _ask(self, http: requests.Session, name: str, method: str, path: str, **how: Any) -> requests.Response | None:
        began = time.monotonic()
        try:
            reply = http.request(method, f"{self.url}{path}", timeout=TIMEOUT_SECONDS, **how)
            outcome = str(reply.status_code)
        except requests.RequestException as error:
            reply, outcome = None, type(error).__name__
        took = time.monotonic() - began
        with self._lock:
            self.seconds.setdefault(name, []).append(took)
            # 409: sold out.
            if reply is None or (reply.status_code >= 400 and reply.status_code != 409):
                self.refused[f"{name} {outcome}"] += 1
        time.sleep(max(0.0, PAUSE_SECONDS - took))
        return reply


def main(url: str, seconds: str, secret: str) -> None:
    bystanders = Bystanders(url, seconds=float(seconds), secret=secret)
    bystanders.run()
    print(json.dumps({"seconds": bystanders.seconds, "refused": bystanders.refused}))


if __name__ == "__main__":
    main(*sys.argv[1:])
