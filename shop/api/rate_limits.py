"""Rate limits by user or IP address, shared by all processes."""

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import chain
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.views import View
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from shop.api import counters
from shop.api.principals import is_key
from shop.db.caches import TTLCache
from shop.db.deadline import clean_up_time

# Limit multiple by prefix length: a /64 is a device, a /56 or /48 a site or many mobile customers.
IPV6_PREFIXES = {64: 1, 56: 4, 48: 16}
# RFC 6052.
_NAT64 = IPv6Network("64:ff9b::/96")
# Including brackets, zone and port.
_MAX_ADDRESS_LENGTH = 100


class Limit(NamedTuple):
    scope: str
    who: str = ""
    ip_address: str | None = None


class _Use(NamedTuple):
    """``at_once`` uses are reserved together, so other processes may refuse early."""

    digest: str
    limit: int
    seconds: int
    at_once: int


def count_use(scope: str, who: str = "", *, ip_address: str | None = None) -> int | None:
    """Return the seconds to wait if over the limit. With ``ip_address``, count per network."""
    if not settings.RATE_LIMITS:
        return None
    for use in _uses(scope, who, ip_address):
        if (wait := _count(use)) is not None:
            return wait
    return None


def _uses(scope: str, who: str, ip_address: str | None) -> Iterator[_Use]:
    limit, seconds = settings.RATE_LIMIT_RULES[scope]
    at_once = settings.RATE_LIMITS_COUNTED_AT_ONCE.get(scope, 1)
    networks = ((who, 1),) if ip_address is None else _networks_of(ip_address)
    for network, multiple in networks:
        name = network if ip_address is None else f"{who} from {network}"
        digest = hashlib.sha256(f"{scope}\0{name}".encode()).hexdigest()
        # Reserving for wider networks too saves commands.
        yield _Use(digest, limit * multiple, seconds, at_once * multiple)


def _count(use: _Use) -> int | None:
    digest, limit, seconds, at_once = use
    if at_once > 1 and _use_reserved(digest):
        return None
    uses, seconds_left = counters.count(digest, seconds=seconds, uses=at_once)
    allowed = min(at_once, limit - (uses - at_once))
    if allowed > 1:
        _reserve(digest, allowed - 1, seconds=seconds_left)
    # Another thread may have reserved some concurrently.
    return None if allowed > 0 or (at_once > 1 and _use_reserved(digest)) else max(1, math.ceil(seconds_left))


# Reserved uses by digest.
_reserved: TTLCache[threading.Semaphore] = TTLCache(seconds=0, maxsize=10_000)
_reserving = threading.Lock()


def _use_reserved(digest: str) -> bool:
    left = _reserved.get(digest)
    return left is not None and left.acquire(blocking=False)


def _reserve(digest: str, uses: int, *, seconds: float) -> None:
    with _reserving:
        if left := _reserved.get(digest):
            left.release(uses)
        else:
            _reserved.set(digest, threading.Semaphore(uses), seconds=seconds)


def throttle(scope: str, who: str = "", *, ip_address: str | None = None) -> None:
    """Raises ``Throttled`` over the limit."""
    if (wait := count_use(scope, who, ip_address=ip_address)) is not None:
        raise Throttled(wait)


@contextmanager
def limit_failures(*limits: Limit, error: type[Exception]) -> Iterator[None]:
    """Count the block before it runs, for concurrent attempts; undo unless it raises ``error``.

    Raises ``Throttled``.
    """
    if not settings.RATE_LIMITS:
        yield
        return
    counted: list[_Use] = []
    failed = False
    try:
        for use in chain.from_iterable(_uses(*limit) for limit in limits):
            if (wait := _count(use)) is not None:
                raise Throttled(wait)
            counted.append(use)
        yield
    except error:
        failed = True
        raise
    finally:
        if not failed:
            with clean_up_time():
                for use in counted:
                    counters.undo(use.digest, seconds=use.seconds)


class RateLimit(BaseThrottle):
    def allow_request(self, request: Request, view: View) -> bool:
        user: Any = request.user
        self._wait = count_use("api_key", f"user {user.pk}") if is_key(user) else None
        scopes = getattr(view, "rate_scopes", {})
        scope = scopes.get(getattr(view, "action", None), getattr(view, "rate_scope", None))
        if scope is None or self._wait is not None:
            return self._wait is None
        known = user is not None and user.is_authenticated
        self._wait = (
            count_use(scope, f"user {user.pk}") if known else count_use(scope, ip_address=ip_address_of(request))
        )
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


def ip_address_of(request: Request | HttpRequest) -> str:
    """Return the client's IP address, as written by the trusted proxy if there is one.

    Of a shopper, if a storefront server with a key passes the address on.
    """
    return _ip_address_in(request.META)


def network_address_of(request: Request | HttpRequest) -> str:
    """Return the client's IPv4 address or IPv6 /48."""
    return network_address_in(request.META)


def network_address_in(environ: Mapping[str, Any]) -> str:
    return _networks_of(_ip_address_in(environ))[-1][0]


def device_network(ip_address: str) -> str:
    """Return the IPv4 address or IPv6 /64."""
    return _networks_of(ip_address)[0][0]


def _ip_address_in(environ: Mapping[str, Any]) -> str:
    if (shopper := environ.get("HTTP_X_SHOPPER_ADDRESS")) and _is_from_storefront(environ):
        with suppress(ValueError):
            return str(ip_address(shopper.strip()))
    written = environ.get("REMOTE_ADDR") or ""
    proxies = api_settings.NUM_PROXIES
    if proxies and (forwarded := environ.get("HTTP_X_FORWARDED_FOR")):
        # Each proxy appends the address of its client.
        entries = forwarded.split(",")
        written = entries[-min(proxies, len(entries))].strip()
    return written[:_MAX_ADDRESS_LENGTH]


def _is_from_storefront(environ: Mapping[str, Any]) -> bool:
    """Compare with all keys, so that the time taken reveals none."""
    sent = environ.get("HTTP_X_STOREFRONT_KEY", "")
    return sum(constant_time_compare(sent, key) for key in settings.STOREFRONT_KEYS) > 0


@lru_cache(maxsize=1000)
def _networks_of(written: str) -> tuple[tuple[str, int], ...]:
    """Return the address's networks with their limit multiples.

    Smallest first: a client over its limit must not use up its neighbours'.
    """
    bare = written.removeprefix("[").partition("]")[0] if written.startswith("[") else written
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return ((written, 1),)
    if isinstance(address, IPv6Address):
        address = _embedded_ipv4(address) or address
    if isinstance(address, IPv4Address):
        return ((str(address), 1),)
    networks = {prefix: ip_network((address.packed, prefix), strict=False) for prefix in IPV6_PREFIXES}
    return tuple((str(network), IPV6_PREFIXES[prefix]) for prefix, network in networks.items())


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Return the embedded IPv4 address, which cannot be spoofed, since replies are routed to it.

    It owns a whole 6to4 /48; Teredo clients share a /64.
    """
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
