"""Budgets of the hot paths: commands that each request sends to MongoDB. `make bench` measures requests per second."""

import json
from collections.abc import Callable
from functools import cache
from io import StringIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test import RequestFactory

from accounts.models import User
from accounts.tokens import issue_tokens
from catalog.models import Product
from shop.dev.demo.bench import PASSWORD
from shop.dev.testing.commands import count_commands
from shop.dev.testing.steps import ADDRESS, API

# The most commands of each path.
BUDGETS = {
    "list": 1,
    "filtered": 1,
    "detail": 1,
    "cart": 1,
    "cart change": 2,
    "put into cart": 2,
    "order": 9,
    "login": 3,
}

Environ = dict[str, Any]


def serve(environ: Environ) -> int:
    """Handle a request as the server would, without a test client; return the status."""
    statuses: list[str] = []
    reply = _application()(environ, lambda status, headers: statuses.append(status))
    list(reply)
    reply.close()
    return int(statuses[0].split()[0])


@cache
def _application() -> WSGIHandler:
    return WSGIHandler()


@pytest.fixture
def paths(db: None) -> dict[str, Callable[[], Environ]]:
    """The requests by their names, with users and products as the benchmark has them."""
    call_command("seed", products=60, categories=20, images=3, users=1, stdout=StringIO())
    user = User.objects.get()
    bearer = {"Authorization": f"Bearer {issue_tokens(user)['access']}"}
    product = str(Product.objects.order_by("pk")[0].pk)
    line = user.carts.get().lines[0].key
    quantities = iter(range(1, 100))

    def request(method: str, path: str, data: Any = None, headers: dict[str, str] | None = None) -> Environ:
        body = b"" if data is None else json.dumps(data).encode()
        kind = "application/json" if body else ""
        return RequestFactory().generic(method, f"{API}/{path}", body, kind, headers=headers or {}).environ

    return {
        "list": lambda: request("GET", "products/?page=2"),
        "filtered": lambda: request("GET", "products/?category=category-3&min_price=1&max_price=500"),
        "detail": lambda: request("GET", f"products/{product}/"),
        "cart": lambda: request("GET", "cart/", headers=bearer),
        "cart change": lambda: request("PATCH", f"cart/items/{line}/", {"quantity": next(quantities)}, bearer),
        "put into cart": lambda: request("POST", "cart/items/", {"product": product, "quantity": 1}, bearer),
        "order": lambda: request("POST", "orders/", {"shipping_address": ADDRESS}, bearer),
        "login": lambda: request("POST", "auth/login/", {"email": user.email, "password": PASSWORD}),
    }


@pytest.mark.usefixtures("shipping")
def test_a_hot_path_stays_within_its_budget(paths: dict[str, Callable[[], Environ]], subtests: pytest.Subtests) -> None:
    def prepared(name: str) -> Environ:
        if name == "order":
            assert serve(paths["put into cart"]()) == 201
        return paths[name]()

    for name, budget in BUDGETS.items():
        with subtests.test(name):
            # The first requests fill caches that live as long as the process.
            for _ in range(2):
                assert serve(prepared(name)) in (200, 201)
            environ = prepared(name)
            with count_commands() as commands:
                assert serve(environ) in (200, 201)
            assert len(commands) <= budget, str(commands)
