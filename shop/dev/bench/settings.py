"""Production settings with unreachable rate limits; requests are still counted."""

from shop.settings import *  # noqa: F403
from shop.settings import RATE_LIMIT_RULES

UNPAID_ORDERS_PER_CUSTOMER = UNPAID_ORDERS_UNVERIFIED = 10**6
UNPAID_PIECES_PER_CUSTOMER = UNPAID_PIECES_UNVERIFIED = UNPAID_PIECES_PER_ADDRESS = 10**9
RATE_LIMIT_RULES = {scope: (10**9, seconds) for scope, (_, seconds) in RATE_LIMIT_RULES.items()}
