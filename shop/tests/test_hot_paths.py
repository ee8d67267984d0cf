"""What the paths that shoppers walk all day cost at most: commands to MongoDB, and Python's instructions.

A figure that had to be raised should be worth it: `make bench` tells what it does to requests a second.
"""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from catalog.models import Product
from conftest import client_of
from shop.demo.bench import PASSWORD
from shop.testing.commands import count_commands
from shop.testing.instructions import count_instructions
from shop.testing.steps import ADDRESS, API

# Of each path: commands, and thousands of instructions, about a tenth above what they are.
BUDGETS = {
    "list": (1, 32),
    "filtered": (1, 35),
    "detail": (1, 31),
    "cart": (2, 33),
    "cart change": (3, 44),
    "put into cart": (3, 45),
    "order": (8, 95),
    "login": (3, 79),
}


@pytest.fixture
def paths(db: None) -> dict[str, Callable[[], Any]]:
    """The requests by their names, with users and products as the benchmark has them."""
    call_command("seed", products=60, categories=20, images=3, users=1, stdout=StringIO())
    user = User.objects.get()
    client = client_of(user)
    product = str(Product.objects.order_by("pk")[0].pk)
    lines = client.get(f"{API}/cart/").json()["items"]
    quantities = iter(range(1, 100))
    return {
        "list": lambda: client_of().get(f"{API}/products/?page=2"),
        "filtered": lambda: client_of().get(f"{API}/products/?category=category-3&min_price=1&max_price=500"),
        "detail": lambda: client_of().get(f"{API}/products/{product}/"),
        "cart": lambda: client.get(f"{API}/cart/"),
        "cart change": lambda: client.patch(f"{API}/cart/items/{lines[0]['id']}/", {"quantity": next(quantities)}),
        "put into cart": lambda: client.post(f"{API}/cart/items/", {"product": product, "quantity": 1}),
        "order": lambda: client.post(f"{API}/orders/", {"shipping_address": ADDRESS}),
        "login": lambda: client_of().post(f"{API}/auth/login/", {"email": user.email, "password": PASSWORD}),
    }


@pytest.mark.usefixtures("shipping")
@pytest.mark.parametrize("name", BUDGETS)
def test_a_hot_path_stays_within_its_budget(paths: dict[str, Callable[[], Any]], name: str) -> None:
    most_commands, most_thousands = BUDGETS[name]
    # The first requests fill caches that live as long as the process.
    prepare = paths["put into cart"] if name == "order" else lambda: None
    for _ in range(2):
        prepare()
        assert paths[name]().status_code in (200, 201)
    prepare()
    with count_commands() as commands:
        paths[name]()
    prepare()
    with count_instructions() as counted:
        paths[name]()
    assert len(commands) <= most_commands, str(commands)
    assert counted.instructions <= most_thousands * 1000
