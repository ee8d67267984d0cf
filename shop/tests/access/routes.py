"""The URL configuration as a list."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

# Names of the API's path parameters in the tables.
_PARAMETERS = {
    "users/me/addresses/{pk}": "{address}",
    "categories/{slug}": "{category}",
    "collections/{slug}": "{collection}",
    "products/{product_pk}": "{product}",
    "products/{pk}": "{product}",
    "images/{pk}": "{image}",
    "reviews/{pk}": "{review}",
    "variants/{pk}": "{variant}",
    "cart/items/{pk}": "{line}",
    "orders/{number}": "{order}",
    "fulfilments/{pk}": "{parcel}",
    "returns/{pk}": "{return}",
    "credit-notes/{document}": "{document}",
    "payments/{pk}": "{payment}",
    "customers/{pk}": "{customer}",
    "webhook-endpoints/{endpoint_pk}": "{endpoint}",
    "webhook-endpoints/{pk}": "{endpoint}",
    "deliveries/{pk}": "{delivery}",
    "promotions/{pk}": "{promotion}",
    "shipping/methods/{pk}": "{method}",
    "shipping/zones/{pk}": "{zone}",
    "tax-rates/{pk}": "{rate}",
}


class Route(NamedTuple):
    """A URL pattern with parameters in braces; ``methods`` is empty if the view decides by itself."""

    path: str
    name: str
    methods: frozenset[str]


def routes() -> list[Route]:
    return [
        Route(
            _readable(path),
            str(pattern.name or ""),
            frozenset(map(str.upper, getattr(pattern.callback, "actions", ()))),
        )
        for path, pattern in _walk(get_resolver().url_patterns, "")
    ]


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            yield path, pattern


def _readable(pattern: str) -> str:
    """``api/v1/^orders/(?P<number>[0-9A-Za-z-]+)/?$`` becomes ``api/v1/orders/{order}/``."""
    path = re.sub(r"\(\?P<(\w+)>[^()]*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", pattern)
    return named(path.replace("^", "").replace("/?$", "/").rstrip("$"))


def named(path: str) -> str:
    """Return the path with the parameter names of the tables."""
    for known, name in _PARAMETERS.items():
        path = path.replace(known, known.rpartition("/")[0] + "/" + name)
    return path
