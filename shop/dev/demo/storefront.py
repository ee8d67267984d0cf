import time
from collections.abc import Callable
from typing import Any

import requests

from shop.dev.demo.narration import Narrator

# Longer than the slowest promised answer.
_TIMEOUT_SECONDS = 15.0


class PromiseBroken(Exception):
    """The message states the promise."""


class NotReachable(PromiseBroken):
    """The server does not answer."""


class Storefront:
    def __init__(self, base_url: str, narrator: Narrator) -> None:
        self.base_url = base_url.rstrip("/")
        self.narrator = narrator
        self.access = ""
        self.cart_token = self.order_token = ""
        self._http = requests.Session()
        # Ignore proxies.
        self._http.trust_env = False

    def call(
        self,
        method: str,
        path: str,
        *,
        expect: int | tuple[int, ...] = 200,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        quietly: bool = False,
    ) -> requests.Response:
        """Raises :class:`PromiseBroken` for an unexpected status."""
        sent = {**self._credentials(), **(headers or {})}
        try:
            reply = self._http.request(
                method, f"{self.base_url}/api/v1{path}", json=body, headers=sent, timeout=_TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            raise NotReachable(
                f"Nothing answers at {self.base_url} ({type(error).__name__}): start the shop first, with `make run`."
            ) from error
        if not quietly:
            self._narrate(reply, body)
        self.cart_token = reply.headers.get("X-Cart-Token", self.cart_token)
        expected = (expect,) if isinstance(expect, int) else expect
        if reply.status_code not in expected:
            wanted = " or ".join(str(status) for status in expected)
            raise PromiseBroken(f"{method} {path} answered {reply.status_code} instead of {wanted}: {reply.text[:500]}")
        return reply

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options).json()

    def post(self, path: str, body: dict[str, Any] | None = None, *, expect: int = 201, **options: Any) -> Any:
        return self.call("POST", path, body=body, expect=expect, **options).json()

    def wait_for(self, path: str, reached: Callable[[Any], bool], *, seconds: float, what: str) -> Any:
        """Poll until ``reached`` accepts the JSON; return it. Raises :class:`PromiseBroken` on timeout."""
        give_up_at = time.monotonic() + seconds
        while True:
            reply = self.call("GET", path, quietly=True)
            found = reply.json()
            if reached(found):
                self._narrate(reply)
                return found
            if time.monotonic() > give_up_at:
                raise PromiseBroken(
                    f"{what} did not happen within {seconds:g} seconds; {path} says: {str(found)[:600]}"
                )
            time.sleep(0.2)

    def _narrate(self, reply: requests.Response, body: dict[str, Any] | None = None) -> None:
        address = (reply.url or "").removeprefix(self.base_url)
        self.narrator.call(reply.request.method or "", address, body, reply.status_code, reply.elapsed.total_seconds())

    def _credentials(self) -> dict[str, str]:
        headers = {}
        if self.access:
            headers["Authorization"] = f"Bearer {self.access}"
        if self.cart_token:
            headers["X-Cart-Token"] = self.cart_token
        if self.order_token:
            headers["X-Order-Token"] = self.order_token
        return headers


def confirm_as_stripe_js(
    stripe_base: str, payment: dict[str, Any], *, card: str, narrator: Narrator
) -> tuple[int, dict[str, Any]]:
    """Return Stripe's status (402: declined) and body."""
    path = f"/v1/payment_intents/{payment['payment_intent']}/confirm"
    form = {
        "key": payment["publishable_key"],
        "client_secret": payment["client_secret"],
        "payment_method": card,
    }
    try:
        with requests.Session() as http:
            http.trust_env = False
            reply = http.post(f"{stripe_base.rstrip('/')}{path}", data=form, timeout=_TIMEOUT_SECONDS)
            answer = reply.json()
    except (requests.RequestException, ValueError) as error:
        raise NotReachable(f"Stripe does not answer at {stripe_base} ({type(error).__name__}).") from error
    narrator.call("POST", f"Stripe: {path}", form, reply.status_code, reply.elapsed.total_seconds())
    return reply.status_code, answer
