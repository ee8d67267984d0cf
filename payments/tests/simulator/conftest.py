"""The simulator, the real SDK as its client, and a shop that receives webhooks."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import stripe

from shop.dev.stripe_simulator import StripeSimulator

SECRET = "whsec_first"


@dataclass
class Shop:
    """A webhook endpoint that verifies with the SDK; ``answers`` are the statuses it gives first."""

    url: str = ""
    secret: str = SECRET
    events: list[stripe.Event] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    most_at_once: int = 0

    def types(self) -> list[str]:
        return [event.type for event in self.events]


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop, lock, at_once = Shop(), threading.Lock(), [0]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                at_once[0] += 1
                shop.most_at_once = max(shop.most_at_once, at_once[0])
                status = shop.answers.pop(0) if shop.answers else 200
            try:
                signature = self.headers["Stripe-Signature"]
                event = stripe.Webhook.construct_event(body, signature, shop.secret)
            except stripe.SignatureVerificationError:
                status = 400
            if status == 200:
                with lock:
                    shop.events.append(event)
                    shop.signatures.append(signature)
            threading.Event().wait(0.02)
            with lock:
                at_once[0] -= 1
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    shop.url = f"http://127.0.0.1:{server.server_port}/webhook/"
    yield shop
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def simulator(shop: Shop) -> Iterator[StripeSimulator]:
    with StripeSimulator(
        webhook_url=shop.url, webhook_secret=SECRET, later_seconds=0.05, first_retry=0.05, delivery_timeout=2
    ) as simulator:
        yield simulator


def client_of(url: str, key: str = "sk_test_simulator", retries: int = 0, timeout: float = 5) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=timeout),
    )


@pytest.fixture
def client(simulator: StripeSimulator) -> stripe.StripeClient:
    return client_of(simulator.url)


@pytest.fixture
def browser(simulator: StripeSimulator) -> stripe.StripeClient:
    return client_of(simulator.url, "pk_test_simulator")


@pytest.fixture
def intent(client: stripe.StripeClient) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create({"amount": 1999, "currency": "eur", "metadata": {"order": "7"}})


@pytest.fixture
def paid(intent: stripe.PaymentIntent, simulator: StripeSimulator) -> dict[str, Any]:
    simulator.pay(intent.id)
    found = simulator.state()["payment_intents"][0]
    assert found["status"] == "succeeded"
    return found


@pytest.fixture
def http(simulator: StripeSimulator) -> Callable[..., tuple[int, Any, dict[str, str]]]:
    """A bare HTTP call: ``http("POST", path, body, **headers)`` gives status, parsed body and headers."""

    def call(method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(simulator.url + path, body, names, method=method)
        try:
            answer = urlopen(request, timeout=5)
        except HTTPError as error:
            answer = error
        with answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None, dict(answer.headers)

    return call
