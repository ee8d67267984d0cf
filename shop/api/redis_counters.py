from functools import cache

import redis
from django.conf import settings
from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

__all__ = ["RedisError", "count"]

TIMEOUT_SECONDS = 2.0


def count(key: str, *, seconds: int, uses: int) -> tuple[int, float]:
    """Return the uses, and the seconds that are left of their window. Raises :class:`RedisError`."""
    name = f"shop:count:{key}"
    # Keep a reference: a concurrent first call may replace the cached client.
    client = _redis(settings.CACHE_URL)
    with client.pipeline(transaction=True) as commands:
        # NX: only the first use sets the expiry, which INCRBY alone would not.
        commands.set(name, 0, px=seconds * 1000, nx=True)
        commands.incrby(name, uses)
        commands.pttl(name)
        _, counted, milliseconds = commands.execute()
    return counted, milliseconds / 1000


@cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
