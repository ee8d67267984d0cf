"""Health checks answer for any host name and reveal nothing; other pages do not."""

import json
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

FOREIGN_HOSTS = ["10.1.2.3:8000", "localhost", "[fd00::1]:8000", "shop-web.default.svc", "a_b", "evil.test\\", "", "é"]


@pytest.fixture
def in_production(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.shop.test"]
    settings.SECURE_SSL_REDIRECT = True
    settings.DEBUG = False
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.test"]


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/livez/", "/readyz/"])
def test_health_checks_are_answered_for_any_host(path: str, host: str) -> None:
    client = Client(HTTP_HOST=host, HTTP_ORIGIN="https://evil.test")
    reply = client.get(path)
    assert (reply.status_code, json.loads(reply.content)) == (200, {"status": "ok"})
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405
    if host:
        assert host not in str(reply.headers)
    assert "evil" not in str(reply.headers)


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_everything_else_refuses_a_foreign_host(host: str) -> None:
    client = Client(HTTP_HOST=host, SERVER_NAME=host or "unknown")
    for path in ("/api/v1/products/", "/admin/login/", "/api/docs/", "/livezz", "/readyz/x", "//livez", "/livez//"):
        reply = client.get(path, secure=True)
        assert reply.status_code == 400, path
