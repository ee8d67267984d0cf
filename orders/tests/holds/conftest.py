"""Fixtures of tests of unpaid orders."""

from collections.abc import Callable
from typing import Any

import pytest

from catalog.models import Product


@pytest.fixture
def limits(settings: Any) -> Any:
    """Rate limits are on, and only those of this module can be reached."""
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = dict.fromkeys(settings.RATE_LIMIT_RULES, (10**6, 3600))
    return settings


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(stock=1000)
