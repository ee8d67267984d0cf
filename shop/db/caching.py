"""Redis cache that behaves as if it were empty during an outage."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache

from shop.logs import describe_error

logger = structlog.get_logger(__name__)


def is_redis(url: str) -> bool:
    return url.startswith(("redis://", "rediss://"))


def _fallback(answer: Callable[[], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return ``answer()`` after a Redis error."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except redis.RedisError as error:
                logger.warning("cache_unavailable", error=describe_error(error))
                return answer()

        return wrapper

    return decorate


class OutageTolerantRedisCache(RedisCache):
    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return _fallback(lambda: default)(super().get)(key, default, version)

    add = _fallback(bool)(RedisCache.add)
    set = _fallback(lambda: None)(RedisCache.set)
    touch = _fallback(bool)(RedisCache.touch)
    delete = _fallback(bool)(RedisCache.delete)
    has_key = _fallback(bool)(RedisCache.has_key)
    get_many = _fallback(dict)(RedisCache.get_many)
    set_many = _fallback(list)(RedisCache.set_many)
    delete_many = _fallback(lambda: None)(RedisCache.delete_many)
    clear = _fallback(bool)(RedisCache.clear)
