"""Little time for request bodies, and a low limit on pending ones."""

from shop.settings import *  # noqa: F403

REQUEST_BODY_SECONDS = 2.0
MAX_BODIES = 100
MAX_BODIES_OF_A_CLIENT = 75
