"""The command palette finds pages, orders, products and customers that its user may see."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from shop.dev.testing.admin import allow, browser_of, ordered
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import stages_of

pytestmark = pytest.mark.django_db


def found(browser: Client, text: str) -> list[str]:
    reply = browser.get("/admin/search/", {"extended": "1", "s": text})
    assert 'id="command-results-list"' in reply.content.decode()
    return [result.title for result in reply.context["results"]]


def test_it_finds_pages_orders_products_and_customers(
    staff: User, customer: User, make_product: Callable[..., Product]
) -> None:
    product = make_product("Enamel mug", sku="MUG-9")
    order = ordered(customer, product)
    browser = browser_of(staff)
    for text, titles in {
        "tax ra": ["Tax rates"],
        order.number.lower()[:7]: [order.number],
        "lovelace": [order.number],
        "enamel": [order.number, product.name],
        "mug-9": [order.number, product.name],
        customer.email: [order.number, customer.email],
        "zzzz": [],
        "a": [],
        "(.*": [],
    }.items():
        assert found(browser, text) == titles, text
    assert "Nothing found." in browser.get("/admin/search/", {"extended": "1", "s": "zzzz"}).content.decode()
    with count_commands() as commands:
        found(browser, "enamel mug lovelace")
    assert len(commands.names) <= 16, commands
    assert not [each for each in commands.on("orders_order") if "COLLSCAN" in stages_of(each)]


def test_it_finds_only_what_its_user_may_see(
    customer: User, make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    order: Order = ordered(customer, make_product("Enamel mug"))
    editor, clerk = allow(make_user(), "catalog.view_product"), allow(make_user(), "orders.view_order")
    assert found(browser_of(editor), "enamel") == ["Enamel mug"]
    assert found(browser_of(clerk), "enamel") == [order.number]
    assert found(browser_of(editor), "orders") == []
    assert found(browser_of(clerk), "orders") == ["Orders"]
