"""Caches with a lifetime."""

import pytest
from cachetools import TLRUCache

from shop.db import caches
from shop.db.caches import TTLCache
from shop.dev.testing.steps import run_concurrently


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(caches, "TLRUCache", lambda *args, **kwargs: TLRUCache(*args, timer=clock, **kwargs))
    return clock


def test_each_value_lives_as_long_as_the_cache_or_its_own_lifetime_says(clock: Clock) -> None:
    cache: TTLCache[int] = TTLCache(seconds=1, maxsize=10)
    cache.set("usual", 1)
    cache.set("long", 2, seconds=5)
    clock.now += 0.9
    assert (cache.get("usual"), cache.get("long"), cache.get("unknown")) == (1, 2, None)
    clock.now += 0.1
    assert (cache.get("usual"), cache.get("long")) == (None, 2)
    clock.now += 4
    assert cache.get("long") is None


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_value_without_a_lifetime_is_not_kept(clock: Clock, seconds: float) -> None:
    cache: TTLCache[int] = TTLCache(seconds=0, maxsize=10)
    cache.set("key", 1, seconds=seconds)
    assert cache.get("key") is None


def test_a_full_cache_drops_what_was_used_least_recently(clock: Clock) -> None:
    cache: TTLCache[str] = TTLCache(seconds=60, maxsize=2)
    cache.set("a", "A")
    cache.set("b", "B")
    cache.get("a")
    cache.set("c", "C")
    assert [cache.get(key) for key in "abc"] == ["A", None, "C"]


def test_threads_share_a_cache() -> None:
    cache: TTLCache[int] = TTLCache(seconds=0.001, maxsize=5)

    def use() -> None:
        for number in range(2_000):
            cache.set(number % 20, number)
            cache.get((number + 7) % 20)

    run_concurrently(*[use] * 4)


def test_all_caches_can_be_cleared() -> None:
    cache: TTLCache[int] = TTLCache(seconds=60, maxsize=5)
    cache.set("key", 1)
    cache.set("key", 1)
    caches.clear_all()
    assert cache.get("key") is None
