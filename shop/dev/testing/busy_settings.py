"""Pools for costly requests refuse every request."""

from shop.settings import *  # noqa: F403
from shop.settings import SERVER_POOLS

_BUSY = {"passwords", "uploads", "facets", "docs", "webhook", "refusals"}
SERVER_POOLS = {name: {**pool, "waiting": 0} if name in _BUSY else pool for name, pool in SERVER_POOLS.items()}
