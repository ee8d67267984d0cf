from decimal import Decimal

from payments.currencies import CURRENCIES
from shop.conf.base import env

CURRENCY = env.one_of(
    "CURRENCY", CURRENCIES, default="usd", such_as="a lower-case ISO 4217 code that Stripe charges, such as usd"
)
ORDER_HOLD_SECONDS = env.whole_number("ORDER_HOLD_SECONDS", default=30 * 60, at_least=1, at_most=30 * 24 * 3600)
# Until a payment is opened; at most ORDER_HOLD_SECONDS.
UNPAID_HOLD_SECONDS = env.whole_number("UNPAID_HOLD_SECONDS", default=10 * 60, at_least=1, at_most=30 * 24 * 3600)
# Of orders that staff enter for customers, who pay later by a link.
STAFF_ORDER_HOLD_HOURS = env.whole_number("STAFF_ORDER_HOLD_HOURS", default=72, at_least=1, at_most=30 * 24)
# Lifetime of links in guests' mails, and of the token that placing an order returns.
ORDER_TOKEN_TIMEOUT = env.whole_number(
    "ORDER_TOKEN_TIMEOUT", default=90 * 24 * 3600, at_least=3600, at_most=10 * 365 * 24 * 3600
)
# UNVERIFIED: until the e-mail address is verified.
UNPAID_ORDERS_PER_CUSTOMER = env.whole_number("UNPAID_ORDERS_PER_CUSTOMER", default=20, at_least=1, at_most=10**6)
UNPAID_ORDERS_UNVERIFIED = env.whole_number("UNPAID_ORDERS_UNVERIFIED", default=10, at_least=1, at_most=10**6)
UNPAID_PIECES_PER_CUSTOMER = env.whole_number("UNPAID_PIECES_PER_CUSTOMER", default=500, at_least=1, at_most=10**9)
UNPAID_PIECES_UNVERIFIED = env.whole_number("UNPAID_PIECES_UNVERIFIED", default=100, at_least=1, at_most=10**9)
# For all accounts at a network address.
UNPAID_PIECES_PER_ADDRESS = env.whole_number("UNPAID_PIECES_PER_ADDRESS", default=1000, at_least=1, at_most=10**9)
# After this time orders of deleted accounts are anonymized, even if undelivered.
ERASURE_GRACE_DAYS = env.whole_number("ERASURE_GRACE_DAYS", default=90, at_least=1, at_most=3650)
# From delivery, or else from shipping; 0 offers none. Consumers in the EU may withdraw for 14 days.
RETURN_DAYS = env.whole_number("RETURN_DAYS", default=30, at_least=0, at_most=3650)
WITHDRAWAL_DAYS = env.whole_number("WITHDRAWAL_DAYS", default=14, at_least=0, at_most=3650)
# Usually on in the EU, off in the US.
PRICES_INCLUDE_TAX = env.switch("PRICES_INCLUDE_TAX", default=False)
# A function that calculates taxes instead of the shop's rates, as "package.module.function".
TAX_PROVIDER = env.str("TAX_PROVIDER", default="")
# Time limit of one call. It leaves time within REQUEST_DATABASE_SECONDS.
TAX_PROVIDER_SECONDS = 3.0
# Tracking pages by carrier, besides those of `orders.fulfilments.carriers`.
CARRIERS = env.url_templates("CARRIERS", placeholder="{tracking_number}")
MAX_QUANTITY = 1_000_000
# Also limits how much stock customers can find out by trying quantities.
MAX_QUANTITY_PER_LINE = env.whole_number("MAX_QUANTITY_PER_LINE", default=1000, at_least=1, at_most=MAX_QUANTITY)
# Customers see the remaining stock only if it is at most this.
SHOWN_STOCK = env.whole_number("SHOWN_STOCK", default=5, at_least=0, at_most=MAX_QUANTITY)
MAX_PRICE = Decimal(10) ** 9
MAX_CART_LINES = 100
# Per customer.
MAX_ADDRESSES = 100
LOW_STOCK_THRESHOLD = env.whole_number("LOW_STOCK_THRESHOLD", default=5, at_least=0, at_most=MAX_QUANTITY)
