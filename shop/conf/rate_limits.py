from shop.conf.base import checks, env

RATE_LIMITS = env.switch("RATE_LIMITS", default=True)
# (requests, seconds), per user or network address.
RATE_LIMIT_RULES = {
    "register": (60, 60),
    "register_account": (5, 60),
    "login": (60, 60),
    # Per address and account, then per account for addresses without an earlier login.
    "login_account": (10, 60),
    "login_account_hour": (50, 3600),
    "login_strangers": (100, 3600),
    # Codes of two-factor logins, per account.
    "second_factor": (10, 3600),
    "refresh": (120, 60),
    "password": (10, 60),
    "logout_all": (10, 60),
    # These send mails, possibly to strangers.
    "reset": (20, 600),
    "verify": (5, 900),
    "reset_account": (5, 900),
    # Per network, per address that was given, and per order; each sends a mail.
    "order_lookup": (20, 600),
    "order_lookup_account": (5, 900),
    "order_lookup_order": (3, 24 * 3600),
    # Per mailbox; the worker drops excess mails. Reset links stay valid for the whole window: requesting more must not
    # lock the owner out.
    "mail_link": (5, 24 * 3600),
    "mail_link_unverified": (4, 24 * 3600),
    "mail_order_link": (10, 24 * 3600),
    "mail_order_link_unverified": (10, 24 * 3600),
    "mail_order": (60, 24 * 3600),
    "mail_order_unverified": (6, 24 * 3600),
    "mail_sale": (120, 24 * 3600),
    "mail_sale_unverified": (18, 24 * 3600),
    "mail_reset": (5, 3600),
    "mail_reset_unverified": (3, 3600),
    "mail_password": (10, 24 * 3600),
    "mail_password_unverified": (3, 24 * 3600),
    # Because of bcrypt's cost.
    "link": (60, 60),
    "export": (10, 3600),
    "upload": (60, 60),
    "address": (60, 60),
    "facets": (300, 60),
    "cart": (600, 60),
    # Only refused codes count.
    "coupon": (20, 600),
    "coupon_address": (100, 600),
    "order": (60, 60),
    # A PDF takes up to 0.1 s.
    "document": (60, 60),
    "review": (30, 60),
    "payment": (120, 60),
    "bulk": (60, 60),
    # All requests of an API key.
    "api_key": (1200, 60),
}
# A process reserves several at once, so others may refuse early.
RATE_LIMITS_COUNTED_AT_ONCE = {"cart": 10, "order": 3, "api_key": 20}
checks.require(RATE_LIMITS, "RATE_LIMITS=off is refused: rate limits can only be disabled with DEBUG=1.")
