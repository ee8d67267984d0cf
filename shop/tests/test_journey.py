"""The journey of `make demo`, against live servers."""

from typing import Any

import pytest

from shop import audit
from shop.dev.demo import products, seeding
from shop.dev.demo.journey import PRODUCTS, Journey
from shop.dev.demo.storefront import PromiseBroken
from shop.dev.management.commands.demo import verification_link
from shop.dev.stripe_simulator import StripeSimulator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.quick]


@pytest.fixture
def demo_shop(live_server: Any, simulator: StripeSimulator, settings: Any) -> Any:
    """The demo's users, shipping methods, taxes and coupons, and the products that the journey buys."""
    settings.DEBUG = True
    simulator.set_webhook(f"{live_server.url}/api/v1/payments/webhook/")
    quietly = {"tick": lambda *_: None}
    seeding.seed_terms()
    seeding.seed_people()
    seeding.seed_categories()
    needed = [product for product in products.PRODUCTS if product.slug in PRODUCTS]
    seeding.seed_products(needed, **quietly)
    seeding.seed_pictures(needed, **quietly)
    return live_server


def test_the_journey_of_make_demo_keeps_every_promise(demo_shop: Any, simulator: StripeSimulator) -> None:
    Journey(demo_shop.url, simulator.url, read_mail=verification_link).run()
    simulator.wait_until_idle(timeout=10)
    assert audit.violations() == []


def test_the_journey_notices_a_webhook_that_never_comes(demo_shop: Any, simulator: StripeSimulator) -> None:
    simulator.deliver(mode="off")
    with pytest.raises(PromiseBroken):
        Journey(demo_shop.url, simulator.url, read_mail=verification_link, webhook_seconds=0.5).run()
