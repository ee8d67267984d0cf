"""The trace of a purchase, as a collector receives it from a running server."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from catalog.models import Product
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.steps import API, variant_of
from shop.dev.testing.waiting import wait_until
from shop.tests.test_serve import serving
from shop.traces.sentry import without_personal_data

ADDRESS = {"name": "Ada", "line1": "1 Main Street", "city": "Springfield", "state": "IL", "postal_code": "62701"}


class Collector:
    def __init__(self) -> None:
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers.get("Content-Encoding", "identity") == "identity"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sent = ExportTraceServiceRequest.FromString(body)
                collector.spans += [
                    span for part in sent.resource_spans for scope in part.scope_spans for span in scope.spans
                ]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_purchase_is_one_trace_per_request_with_commands_and_calls_to_stripe(
    collector: Collector, make_product: Callable[..., Product], simulator: StripeSimulator, tmp_path: Path
) -> None:
    product = make_product(price="10.00", stock=5)
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "TRACED_PERCENT": "100",
        "STRIPE_API_BASE": settings.STRIPE_API_BASE,
        "LOG_LEVEL": "INFO",
    }
    with serving(tmp_path / "web.log", **variables) as server:

        def post(path: str, body: dict[str, Any], **headers: str) -> requests.Response:
            reply = requests.post(f"{server.url}{API}{path}", json=body, headers=headers, timeout=20)
            assert reply.ok, reply.text
            return reply

        cart = post("/cart/items/", {"variant": str(variant_of(product).pk), "quantity": 1}).headers["X-Cart-Token"]
        body = {"email": "ada@example.com", "shipping_address": {**ADDRESS, "country": "US"}}
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
        caller = {"X-Cart-Token": cart, "traceparent": f"00-{trace_id}-00f067aa0ba902b7-00"}
        placed = post("/orders/", body, **caller).json()
        post("/payments/", {"order": placed["number"]}, **{"X-Order-Token": placed["token"]})
        wait_until(lambda: collector.named("POST payment-list"))
        log = server.log.read_text()

    (order,) = collector.named("POST order-list")
    assert order.trace_id.hex() == trace_id
    inside = [span for span in collector.spans if span.trace_id == order.trace_id and span is not order]
    assert {"insert", "update", "commitTransaction"} <= {span.name.rpartition(".")[2] for span in inside}
    (payment,) = collector.named("POST payment-list")
    calls = [span for span in collector.spans if span.trace_id == payment.trace_id and span.name == "POST"]
    assert calls
    assert f'"trace_id":"{trace_id}"' in log or f"trace_id={trace_id}" in log
    everything = "".join(map(str, collector.spans))
    assert "ada@example.com" not in everything
    assert placed["token"] not in everything


def test_sentry_gets_types_and_places_only() -> None:
    exception = {"type": "ValueError", "value": "ada@example.com", "stacktrace": {"frames": [{"lineno": 3}]}}
    event = {
        "request": {"url": "https://shop.test/?q=ada"},
        "user": {"ip_address": "10.0.0.1"},
        "extra": {"body": "secret"},
        "logentry": {"message": "failed for ada@example.com"},
        "exception": {"values": [exception]},
    }
    sent = without_personal_data(event, {})
    assert "ada" not in str(sent)
    assert set(sent) == {"logentry", "exception", "tags"}
    assert sent["exception"]["values"][0]["type"] == "ValueError"
    assert sent["exception"]["values"][0]["stacktrace"] == {"frames": [{"lineno": 3}]}
