"""A customer's page shows what the customer has bought."""

from collections.abc import Callable

import pytest

from accounts.models import User
from catalog.models import Product
from orders import services
from orders.models import Order
from shop.dev.testing.admin import allow, browser_of, ordered, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import stages_of

pytestmark = pytest.mark.django_db


def test_a_customers_page_shows_the_sums_and_the_latest_orders(
    staff: User, customer: User, make_product: Callable[..., Product], make_user: Callable[..., User]
) -> None:
    product = make_product("Mug", stock=100, price="10.00")
    placed = [ordered(customer, product) for _ in range(12)]
    for order in placed[:2]:
        services.mark_paid(order_id=order.pk)
    url = url_of("accounts.user", "change", customer.pk)
    with count_commands() as commands:
        text = browser_of(staff).get(url).content.decode()
    total = sum(order.total for order in placed[:2])
    for shown in (f"{total:,.2f} USD", "<dd>12</dd>", "All orders of this customer", *(o.number for o in placed[2:])):
        assert shown in text, shown
    assert placed[1].number not in text
    assert len(commands.on("orders_order")) <= 3
    assert not [each for each in commands.on("orders_order") if "COLLSCAN" in stages_of(each)]

    clerk = allow(make_user(), "accounts.view_user")
    assert placed[-1].number not in browser_of(clerk).get(url).content.decode()
    assert Order.objects.count() == 12
