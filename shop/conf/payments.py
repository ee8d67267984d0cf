from shop.conf.base import DEBUG, checks, env, running

STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
# Comma-separated during rotation.
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
checks.prefixed("STRIPE_SECRET_KEY", STRIPE_SECRET_KEY, ("sk_", "rk_"))
checks.prefixed("STRIPE_PUBLISHABLE_KEY", STRIPE_PUBLISHABLE_KEY, ("pk_",))
if STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY:
    checks.require(
        ("_live_" in STRIPE_SECRET_KEY) == ("_live_" in STRIPE_PUBLISHABLE_KEY),
        "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY must both be live keys or both be test keys.",
    )
checks.prefixed("STRIPE_WEBHOOK_SECRET", STRIPE_WEBHOOK_SECRET, ("whsec_",))
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")
if DEBUG and not STRIPE_SECRET_KEY:
    # Keys of the simulator, unknown to Stripe.
    STRIPE_SECRET_KEY = "sk_test_simulator"  # noqa: S105
    STRIPE_PUBLISHABLE_KEY = STRIPE_PUBLISHABLE_KEY or "pk_test_simulator"
    STRIPE_WEBHOOK_SECRET = STRIPE_WEBHOOK_SECRET or "whsec_simulator"
    STRIPE_API_BASE = STRIPE_API_BASE or running.get("STRIPE_API_BASE", "http://127.0.0.1:12111")
STRIPE_API_BASE = STRIPE_API_BASE or "https://api.stripe.com"
checks.https_url("STRIPE_API_BASE", STRIPE_API_BASE, purpose="it carries card payments")
# Call, pause and retry leave time within REQUEST_DATABASE_SECONDS.
STRIPE_TIMEOUT_SECONDS = 3.0
STRIPE_MAX_RETRIES = 1
# After this time in calls to Stripe, a request makes no further one.
STRIPE_SECONDS_PER_REQUEST = 3.0
# A Stripe Customer per account, whose cards the Payment Element saves and offers.
STRIPE_SAVED_CARDS = env.bool("STRIPE_SAVED_CARDS", default=True)
# The first limit cancels the order; the others refuse further payments in the window.
FAILED_PAYMENTS_PER_ORDER = env.whole_number("FAILED_PAYMENTS_PER_ORDER", default=10, at_least=1, at_most=10**6)
FAILED_PAYMENTS_PER_CUSTOMER = env.whole_number("FAILED_PAYMENTS_PER_CUSTOMER", default=20, at_least=1, at_most=10**6)
FAILED_PAYMENTS_PER_ADDRESS = env.whole_number("FAILED_PAYMENTS_PER_ADDRESS", default=100, at_least=1, at_most=10**6)
FAILED_PAYMENTS_WINDOW_SECONDS = env.whole_number(
    "FAILED_PAYMENTS_WINDOW_SECONDS", default=3600, at_least=1, at_most=30 * 24 * 3600
)
