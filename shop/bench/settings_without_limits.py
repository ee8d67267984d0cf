"""Benchmark settings without rate limits."""

from shop.bench.settings import *  # noqa: F403

RATE_LIMITS = False
