"""The tests' settings, with little time for request bodies."""

from shop.settings import *  # noqa: F403

REQUEST_BODY_SECONDS = 2.0
