"""Sends due deliveries beside the worker's loop, so that neither holds up the other.

One thread reads and writes the database. Each attempt has a thread of its own, which only uses the network; their
number per endpoint is limited, so that an endpoint that hangs takes no time from others.
"""

import queue as queues
import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog
from bson import ObjectId
from django.db import connections
from django.utils import timezone

from shop.api.errors import is_database_outage
from shop.logs import describe_error
from shop.webhooks import http, queue
from shop.webhooks.disabling import disable_endpoint
from shop.webhooks.http import Answer
from shop.webhooks.messages import body_of
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint
from shop.webhooks.signing import SecretsLost, secrets_of, signed_headers

logger = structlog.get_logger(__name__)

# Attempts at the same time, in each worker.
PER_ENDPOINT = 4
PAUSE_SECONDS = 0.5
OUTAGE_PAUSE_SECONDS = 2.0
# For the attempts under way when the worker stops. Others repeat what is left.
STOP_SECONDS = 5.0
NO_SECRET = "SECRET_KEY was replaced. Rotate the endpoint's secret, then enable it again."  # noqa: S105

Post = Callable[[str, dict[str, str], bytes], Answer]


class Dispatcher:
    """Call all its methods from one thread."""

    def __init__(self, post: Post = http.post) -> None:
        self._post = post
        self._results: queues.SimpleQueue[tuple[WebhookDelivery, Answer]] = queues.SimpleQueue()
        self._under_way: Counter[ObjectId] = Counter()
        self.wakes = threading.Event()

    @property
    def is_sending(self) -> bool:
        return self._under_way.total() > 0

    def under_way(self, endpoint: ObjectId | str) -> int:
        return self._under_way[ObjectId(endpoint)]

    def step(self) -> bool:
        """Record answers and start attempts, without waiting for any; return whether there was something to do."""
        self.wakes.clear()
        recorded = self.record()
        return self._start_due() or recorded

    def record(self) -> bool:
        recorded = False
        while not self._results.empty():
            delivery, answer = self._results.get()
            # Also if it cannot be recorded: the lease ends, and it is sent again.
            self._under_way[delivery.endpoint] -= 1
            recorded = True
            queue.record(delivery, answer)
            if endpoint := WebhookEndpoint.objects.filter(pk=delivery.endpoint).first():
                queue.count_failures(endpoint, has_succeeded=answer.is_accepted)
        return recorded

    def _start_due(self) -> bool:
        moment = timezone.now()
        endpoints = queue.enabled_endpoints()
        free = {endpoint.pk: room for endpoint in endpoints if (room := self._room(endpoint)) > 0}
        # One command if nothing is due.
        if not free or not queue.due(list(free), limit=1, moment=moment):
            return False
        started = False
        for endpoint in endpoints:
            if endpoint.pk in free:
                for delivery in queue.due([endpoint.pk], limit=free[endpoint.pk], moment=moment):
                    started = self._start(endpoint, delivery) or started
        return started

    def _room(self, endpoint: WebhookEndpoint) -> int:
        if endpoint.paused_until is not None and endpoint.paused_until > timezone.now():
            return 0
        most = 1 if endpoint.failures >= queue.FAILURES_BEFORE_PAUSE else PER_ENDPOINT
        return most - self._under_way[endpoint.pk]

    def _start(self, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> bool:
        try:
            keys = secrets_of(endpoint, now=timezone.now())
        except SecretsLost:
            disable_endpoint(endpoint_id=endpoint.pk, reason=NO_SECRET)
            return False
        if not queue.lease(delivery):
            return False
        body = body_of(delivery)
        headers = {
            "content-type": "application/json",
            "user-agent": "Shop-Webhooks/1.0",
            **signed_headers(delivery.message_id, body.decode(), keys=keys, now=timezone.now()),
        }
        self._under_way[endpoint.pk] += 1
        threading.Thread(target=self._send, args=(delivery, endpoint.url, headers, body), daemon=True).start()
        return True

    def _send(self, delivery: WebhookDelivery, url: str, headers: dict[str, str], body: bytes) -> None:
        self._results.put((delivery, self._post(url, headers, body)))
        self.wakes.set()


def run(stopping: threading.Event) -> None:
    """Work until ``stopping``. Raises what is no outage of the database."""
    dispatcher = Dispatcher()
    while not stopping.is_set():
        try:
            busy = dispatcher.step()
        except Exception as error:
            if not is_database_outage(error):
                raise
            logger.warning("database_unavailable", error=describe_error(error.__cause__ or error))
            stopping.wait(OUTAGE_PAUSE_SECONDS)
            continue
        if not busy:
            dispatcher.wakes.wait(PAUSE_SECONDS)
    finish(dispatcher, seconds=STOP_SECONDS)


def finish(dispatcher: Dispatcher, *, seconds: float) -> None:
    """Wait for the attempts under way, and record them."""
    until = time.monotonic() + seconds
    while dispatcher.is_sending and (left := until - time.monotonic()) > 0:
        dispatcher.wakes.wait(min(left, PAUSE_SECONDS))
        dispatcher.wakes.clear()
        dispatcher.record()


def deliver_due(post: Post = http.post, *, seconds: float = 30.0) -> None:
    """Send what is due now, and what becomes due by that, and wait for it."""
    dispatcher = Dispatcher(post)
    while dispatcher.step():
        finish(dispatcher, seconds=seconds)


class Thread(threading.Thread):
    """Runs beside the worker's loop, which asks for its ``error``."""

    def __init__(self, stopping: threading.Event) -> None:
        super().__init__(name="webhooks", daemon=True)
        self._stopping = stopping
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            run(self._stopping)
        except Exception as error:
            self.error = error
        finally:
            connections.close_all()

    def end(self) -> None:
        """Wait for the attempts under way, after ``stopping``."""
        if self.is_alive():
            self.join(STOP_SECONDS + OUTAGE_PAUSE_SECONDS)
