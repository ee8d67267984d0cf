from shop.dev.bench.settings import *  # noqa: F403

RATE_LIMITS = False
