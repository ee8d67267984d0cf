"""Messages go only to addresses that were checked, and end within their time."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as configured
from rest_framework.test import APIClient

from shop.webhooks import addresses, http
from shop.webhooks.models import WebhookDelivery
from shop.webhooks.tests.conftest import ENDPOINTS, Receiver, deliver

pytestmark = pytest.mark.django_db


def test_private_addresses_are_refused_when_a_message_is_sent(
    as_staff: APIClient,
    receiver: Receiver,
    add_endpoint: Callable[..., dict[str, Any]],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = add_endpoint(url=receiver.url.replace("127.0.0.1", "localhost"))
    settings.WEBHOOK_PRIVATE_NETWORKS = []
    as_staff.post(f"{ENDPOINTS}{endpoint['id']}/test/")
    deliver()
    (delivery,) = WebhookDelivery.objects.all()
    assert delivery.attempts[0].error == "The host is in a private network."
    assert (receiver.requests, delivery.status) == ([], WebhookDelivery.Status.PENDING)
    for private in (
        "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 "
        "::1 :: fe80::1 fc00::1 fd00:ec2::254 ff02::1 fec0::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 2002:7f00:1:: "
        "64:ff9b::7f00:1 2001:db8::1 168.63.129.16 2002:a83f:8110::"
    ).split():
        assert not addresses.is_allowed(addresses.ip_address(private)), private
    for public in ("8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"):
        assert addresses.is_allowed(addresses.ip_address(public)), public

    # The connection goes to the address that was checked, whatever the name resolves to later.
    settings.WEBHOOK_PRIVATE_NETWORKS = configured.WEBHOOK_PRIVATE_NETWORKS
    looked_up: list[str] = []

    def resolve(host: str, port: int, **options: Any) -> list[Any]:
        looked_up.append(host)
        return [(2, 1, 6, "", ("8.8.8.8" if host == "two.example" else "10.0.0.1", port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)
    assert http.post("http://one.example/", {}, b"{}", seconds=1).error == "The host is in a private network."
    assert looked_up == ["one.example"]


def test_a_message_ends_within_its_time_however_slowly_it_is_answered(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for each in b"HTTP/1.1 200 OK\r\nx-slow: " + b"x" * 100:
                try:
                    connection.send(bytes([each]))
                except OSError:
                    return
                time.sleep(0.05)

    threading.Thread(target=drip, daemon=True).start()
    started = time.monotonic()
    answer = http.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, b"{}", seconds=0.6)
    assert (answer.status_code, answer.error) == (None, "The endpoint did not answer in time.")
    assert time.monotonic() - started < 1.5
    listener.close()
    assert http.post(f"{receiver.url}/x", {}, b"{}").status_code == 204
    assert not http.post("http://[::1", {}, b"{}").is_accepted

    # Nor does a name server delay it.
    resolve = socket.getaddrinfo

    def late(*arguments: Any, **options: Any) -> list[Any]:
        time.sleep(2)
        return resolve(*arguments, **options)

    monkeypatch.setattr(addresses.socket, "getaddrinfo", late)
    started = time.monotonic()
    answer = http.post(f"{receiver.url}/late", {}, b"{}", seconds=0.4)
    assert (answer.status_code, answer.error) == (None, "The endpoint did not answer in time.")
    assert time.monotonic() - started < 1.5
    assert receiver.at("/late") == []
