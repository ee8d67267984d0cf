"""Rate limits: how often somebody may do something, counted by `shop.counters` for all server processes together.

A view names its ``rate_scope`` (or one per action, ``rate_scopes``); `settings.RATE_LIMIT_RULES` says how many
requests a scope allows in how many seconds. Users are counted by their id, everybody else by their address, which is
only believed from as many proxies as `TRUSTED_PROXIES` says.

Of scopes in `settings.RATE_LIMITS_COUNTED_AT_ONCE` a process counts some uses ahead and gives them away without asking
again. So nobody ever gets more than their limit; somebody whose requests several processes answer may be refused a few
uses early, by as many as the others hold.
"""

import hashlib
import math
import threading
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest
from django.views import View
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from shop import counters
from shop.remembered import Remembered

# What one customer of a provider has of the addresses of IPv6; inside, they choose as they like.
_IPV6_PREFIX = 64


def spend(scope: str, who: str) -> int | None:
    """Count one use of ``scope`` by ``who``; return the seconds to wait where that is more than its rule allows."""
    if not settings.RATE_LIMITS:
        return None
    limit, seconds = settings.RATE_LIMIT_RULES[scope]
    digest = hashlib.sha256(f"{scope}\0{who}".encode()).hexdigest()
    at_once = settings.RATE_LIMITS_COUNTED_AT_ONCE.get(scope, 1)
    if at_once > 1 and _take(digest):
        return None
    uses, seconds_left = counters.count(digest, seconds=seconds, uses=at_once)
    allowed = min(at_once, limit - (uses - at_once))
    if allowed > 1:
        _keep(digest, allowed - 1, seconds=seconds_left)
    # What another thread has counted meanwhile may be there.
    return None if allowed > 0 or (at_once > 1 and _take(digest)) else max(1, math.ceil(seconds_left))


# Uses that this process has counted and not given away yet, by the digest of what they are of.
_counted: Remembered[list[None]] = Remembered(seconds=0, most=10_000)
_keeping = threading.Lock()


def _take(digest: str) -> bool:
    """Give away one of the uses that are counted already, if there is one."""
    left = _counted.recall(digest)
    try:
        return left is not None and left.pop() is None
    except IndexError:
        return False


def _keep(digest: str, uses: int, *, seconds: float) -> None:
    with _keeping:
        left = _counted.recall(digest)
        if left is None:
            _counted.remember(digest, [None] * uses, seconds=seconds)
        else:
            left.extend([None] * uses)


def spend_or_refuse(scope: str, who: str) -> None:
    """Like :func:`spend`, but raise REST framework's ``Throttled`` (429 with ``Retry-After``)."""
    if (wait := spend(scope, who)) is not None:
        raise Throttled(wait)


class RateLimit(BaseThrottle):
    """Applies the rule of the view's scope; views without one are not limited."""

    def allow_request(self, request: Request, view: View) -> bool:
        scopes = getattr(view, "rate_scopes", {})
        scope = scopes.get(getattr(view, "action", None), getattr(view, "rate_scope", None))
        if scope is None:
            return True
        user = request.user
        known = user is not None and user.is_authenticated
        self._wait = spend(scope, f"user {user.pk}" if known else f"address {address_of(request)}")
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


def address_of(request: Request | HttpRequest) -> str:
    """Return where a request comes from, as far as the proxies in front may be believed.

    That is an address without its port; of IPv6 the network, since whoever has one address has all of its network.
    """
    # REST framework takes the right one of X-Forwarded-For, counted from the end, by `NUM_PROXIES`.
    told = RateLimit().get_ident(request) or ""
    bare = told.removeprefix("[").partition("]")[0] if told.startswith("[") else told
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return told
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address.packed, _IPV6_PREFIX), strict=False))
