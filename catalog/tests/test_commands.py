"""The number of database commands does not grow with the catalog."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Category, Product
from catalog.tests.conftest import LIST
from shop.db import caches
from shop.dev.testing.commands import count_commands

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[1, 6], ids=["one of each", "six of each"])
def shop(request: pytest.FixtureRequest, make_product: Callable, make_category: Callable) -> Product:
    """A shop with these numbers of categories, and of products with variants."""
    category: Category | None = None
    for number in range(request.param):
        category = make_category(f"C{number}", slug=f"c{number}", parent=category)
        sizes = range(request.param)
        variants = [{"sku": f"{number}-{n}", "price": "1", "stock": 1, "options": {"size": str(n)}} for n in sizes]
        product = make_product(f"P{number}", category=category, variants=variants, attributes={"colour": "red"})
    return product


MOST_COMMANDS = {
    LIST: 1,
    f"{LIST}?search=p0&in_stock=true&min_price=1&attr_colour=red&ordering=-price": 1,
    f"{LIST}?ordering=relevance&search=p0": 2,
    f"{LIST}?category=c0": 2,
    f"{LIST}?category=c0&search=p0&ordering=name&page_size=1": 2,
    f"{LIST}p0/": 1,
    "/api/v1/categories/": 1,
    "/api/v1/categories/c0/": 2,
}


def test_reading_asks_the_database_this_often_at_most(
    anonymous: APIClient, shop: Product, subtests: pytest.Subtests
) -> None:
    for path, most in MOST_COMMANDS.items():
        caches.clear_all()
        with subtests.test(path):
            with count_commands() as commands:
                reply = anonymous.get(path)
            assert reply.status_code == 200
            assert reply.json()
            assert len(commands) <= most, str(commands)


def test_a_detail_by_id_asks_as_little_as_one_by_slug(anonymous: APIClient, shop: Product) -> None:
    with count_commands() as commands:
        assert anonymous.get(f"{LIST}{shop.pk}/").status_code == 200
    assert len(commands) <= 2, str(commands)


def test_a_token_costs_one_read_of_its_user_if_a_login_is_required(
    as_customer: APIClient, shop: Product, customer: User
) -> None:
    with count_commands() as commands:
        assert as_customer.get(LIST).status_code == 200
    assert len(commands.on(User._meta.db_table)) <= 1
    assert len(commands) <= 3, str(commands)


def test_staff_read_with_no_more_than_the_look_at_their_rights(as_staff: APIClient, shop: Product) -> None:
    with count_commands() as commands:
        assert as_staff.get(f"{LIST}{shop.pk}/").status_code == 200
    assert len(commands) <= 3, str(commands)
