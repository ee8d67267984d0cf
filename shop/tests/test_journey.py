"""The journey of `make demo`, against live servers."""

from typing import Any

import pytest

from shop import audit
from shop.dev.demo.journey import Journey
from shop.dev.demo.storefront import PromiseBroken
from shop.dev.management.commands.demo import verification_link
from shop.dev.stripe_simulator import StripeSimulator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.quick]


def test_the_journey_of_make_demo_keeps_every_promise(demo_shop: Any, simulator: StripeSimulator) -> None:
    Journey(demo_shop.url, simulator.url, read_mail=verification_link).run()
    simulator.wait_until_idle(timeout=10)
    assert audit.violations() == []


def test_the_journey_notices_a_webhook_that_never_comes(demo_shop: Any, simulator: StripeSimulator) -> None:
    simulator.deliver(mode="off")
    with pytest.raises(PromiseBroken):
        Journey(demo_shop.url, simulator.url, read_mail=verification_link, webhook_seconds=0.5).run()
