"""All scenarios in the order of a run."""

from collections.abc import Callable
from typing import NamedTuple

from shop.dev.faults.results import Results
from shop.dev.faults.scenarios import (
    changes,
    checkout,
    crashes,
    invoices,
    kills,
    outages,
    parcels,
    payments,
    promotions,
    reconciling,
    stock,
    stripe,
    upkeep,
    webhooks,
)
from shop.dev.faults.world import World


class Scenario(NamedTuple):
    name: str
    run: Callable[[World, Results], None]
    # The naive control runs it too.
    control: bool = False
    # 503 is a valid answer.
    outages: bool = False
    # In a full run of 20 minutes.
    rounds: int = 1
    in_short: bool = True
    members: int = 1

    @property
    def proves(self) -> str:
        return " ".join((self.run.__doc__ or "").split())


SCENARIOS = [
    Scenario("last_pieces", stock.last_pieces, control=True, rounds=10),
    Scenario("opposite_carts", stock.opposite_carts, control=True, rounds=10),
    Scenario("back_orders", stock.back_orders, rounds=5),
    Scenario("coupon", stock.coupon, control=True, rounds=10),
    Scenario("thousand_buyers", promotions.thousand_buyers, in_short=False),
    Scenario("hot_product", promotions.hot_product),
    Scenario("limited_promotion", promotions.limited_promotion, outages=True),
    Scenario("one_cart", checkout.one_cart, control=True, rounds=20),
    Scenario("one_key", checkout.one_key, control=True, rounds=10),
    Scenario("one_event", webhooks.one_event, control=True, rounds=10),
    Scenario("every_order", webhooks.every_order),
    Scenario("any_order", webhooks.any_order),
    Scenario("signatures", webhooks.signatures, control=True),
    Scenario("late_success", payments.late_success, control=True, rounds=3),
    Scenario("late_payment", payments.late_payment, rounds=3),
    Scenario("refunds", payments.refunds, control=True, rounds=10),
    Scenario("parcels", parcels.parcels, rounds=3),
    Scenario("invoice_numbers", invoices.invoice_numbers, outages=True),
    Scenario("crash_points", crashes.crash_points, outages=True),
    Scenario("kills", kills.kills, outages=True),
    Scenario("upkeep", upkeep.upkeep, in_short=False),
    Scenario("step_downs", outages.step_downs, outages=True, in_short=False, members=3),
    Scenario("frozen", outages.frozen, outages=True, in_short=False),
    Scenario("stripe_away", stripe.stripe_away, outages=True),
    Scenario("webhooks_off", reconciling.webhooks_off),
    Scenario("change_feed", changes.change_feed),
    Scenario("outgoing_webhooks", changes.outgoing_webhooks),
]
