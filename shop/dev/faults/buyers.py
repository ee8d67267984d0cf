import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import requests
from requests.adapters import HTTPAdapter

from shop.dev.faults.results import Results
from shop.dev.faults.state import Person

T = TypeVar("T")

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}
# Longer than the slowest promised answer.
TIMEOUT_SECONDS = 30.0
PROMISED_SECONDS = 10.0
_GIVE_UP_SECONDS = 180.0


class Answer(NamedTuple):
    """Status (0: none), first error's code, JSON, seconds."""

    status: int
    code: str
    body: Any
    seconds: float

    @property
    def is_definite(self) -> bool:
        """If unknown, the request is repeated."""
        return self.status not in (0, 429) and self.status < 500 and self.code != "request_in_progress"


class _FromAddress(HTTPAdapter):
    """Connect from this address of the machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


class Buyer:
    """A user's connection; not thread-safe, use :meth:`twin`."""

    def __init__(
        self,
        url: str,
        person: Person,
        results: Results,
        *,
        guest_tokens: dict[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.url, self.person, self.results, self._address = url, person, results, address
        # Headers of a guest, learned from answers.
        self._guest_tokens = {} if guest_tokens is None else guest_tokens
        self._http = requests.Session()
        # Ignore proxies.
        self._http.trust_env = False
        self._http.mount("http://", _FromAddress(address))
        if person.token:
            self._http.headers["Authorization"] = f"Bearer {person.token}"

    def twin(self) -> "Buyer":
        return Buyer(self.url, self.person, self.results, guest_tokens=self._guest_tokens, address=self._address)

    def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Answer:
        """A broken connection returns status 0."""
        headers = {**self._guest_tokens, **({"Idempotency-Key": key} if key else {})}
        began = time.monotonic()
        try:
            reply = self._http.request(
                method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except requests.RequestException:
            return Answer(0, "", {}, time.monotonic() - began)
        seconds = time.monotonic() - began
        self.results.answered(reply.status_code, f"{method} {path}")
        try:
            data = reply.json()
        except ValueError:
            data = {}
        self._learn_tokens(reply, data)
        errors = data.get("errors") if isinstance(data, dict) else None
        return Answer(reply.status_code, errors[0]["code"] if errors else "", data, seconds)

    def _learn_tokens(self, reply: requests.Response, data: Any) -> None:
        if token := reply.headers.get("X-Cart-Token"):
            self._guest_tokens["X-Cart-Token"] = token
        if isinstance(data, dict) and data.get("token"):
            self._guest_tokens["X-Order-Token"] = data["token"]

    def add(self, product: str, quantity: int = 1) -> Answer:
        return self.call("POST", "/cart/items/", {"product": product, "quantity": quantity})

    def use_coupon(self, code: str) -> Answer:
        return self.call("PUT", "/cart/coupon/", {"code": code})

    def checkout(self, *, key: str = "") -> Answer:
        email = {} if self.person.token else {"email": self.person.id}
        return self.call("POST", "/orders/", {"shipping_address": ADDRESS, **email}, key=key)

    def order(self, number: str) -> Answer:
        return self.call("GET", f"/orders/{number}/")

    def cancel(self, number: str) -> Answer:
        return self.call("POST", f"/orders/{number}/cancel/", {"reason": "changed my mind"})

    def open_payment(self, number: str, *, key: str = "") -> Answer:
        return self.call("POST", "/payments/", {"order": number}, key=key)

    def refund(self, payment: str, amount: str, *, key: str = "") -> Answer:
        return self.call("POST", f"/payments/{payment}/refunds/", {"amount": amount}, key=key)

    def withdraw(self, order: dict[str, Any], *, key: str = "") -> Answer:
        """Withdraw from the whole order."""
        lines = [{"line": line["id"], "quantity": line["quantity"]} for line in order["lines"]]
        return self.call("POST", f"/orders/{order['number']}/returns/", {"lines": lines, "withdrawal": True}, key=key)

    def approve(self, number: str, returned: str) -> Answer:
        return self.call("POST", f"/orders/{number}/returns/{returned}/approve/", {})


def new_key() -> str:
    return secrets.token_hex(12)


def at_once(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Call the functions after a common start; return results in order."""
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], T]) -> T:
        start.wait(_GIVE_UP_SECONDS)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        futures = [pool.submit(run, function) for function in functions]
        return [future.result(_GIVE_UP_SECONDS) for future in futures]


def run_in_parallel(functions: Sequence[Callable[[], T]], *, threads: int = 8) -> list[T]:
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(function) for function in functions]
        return [future.result(_GIVE_UP_SECONDS) for future in futures]
