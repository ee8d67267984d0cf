"""The settings under which the shop is measured, without rate limits: nothing counts requests."""

from shop.bench.settings import *  # noqa: F403

RATE_LIMITS = False
