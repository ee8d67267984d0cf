from shop.conf.base import DEBUG, checks, env, running

SECRET_KEY = env.str("SECRET_KEY", default="")
JWT_SECRET_KEY = env.str("JWT_SECRET_KEY", default="")
checks.strong_secret("SECRET_KEY", SECRET_KEY, at_least=50)
# Old keys, during rotation.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
for _former in SECRET_KEY_FALLBACKS:
    checks.strong_secret("SECRET_KEY_FALLBACKS", _former, at_least=50)
checks.strong_secret("JWT_SECRET_KEY", JWT_SECRET_KEY, at_least=32)
checks.require(
    not JWT_SECRET_KEY or JWT_SECRET_KEY != SECRET_KEY,
    "JWT_SECRET_KEY is the same as SECRET_KEY: each needs a different secret.",
)
if DEBUG:
    SECRET_KEY = SECRET_KEY or "development-only-secret-key-that-production-refuses-to-start-with"
    JWT_SECRET_KEY = JWT_SECRET_KEY or "development-only-jwt-secret-key-that-production-refuses"

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"] if DEBUG else [])
checks.require(ALLOWED_HOSTS, "ALLOWED_HOSTS is not set: list the host names that the shop serves.")
checks.require("*" not in ALLOWED_HOSTS, "ALLOWED_HOSTS must not be '*': list the host names that the shop serves.")
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
for _origin in CORS_ALLOWED_ORIGINS:
    _is_exact = "*" not in _origin and _origin.startswith("https://")
    checks.require(_is_exact, f"CORS_ALLOWED_ORIGINS must list https:// origins, not {_origin!r}.")
CORS_ALLOW_ALL_ORIGINS = DEBUG and not CORS_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/api/"
# Not X-Storefront-Key, which browsers must not know.
CORS_ALLOW_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "x-cart-token",
    "x-order-token",
    "x-request-id",
)
CORS_EXPOSE_HEADERS = ("X-Cart-Token", "Idempotency-Replayed", "Retry-After", "ETag", "X-Request-ID")
# Secrets of storefront servers, which pass on their shoppers' addresses.
STOREFRONT_KEYS = env.list("STOREFRONT_KEYS", default=[])
for _key in STOREFRONT_KEYS:
    checks.strong_secret("STOREFRONT_KEYS", _key, at_least=32)
FRONTEND_URL = env.str("FRONTEND_URL", default="")
if DEBUG:
    # The starter storefront of `manage.py run`.
    FRONTEND_URL = FRONTEND_URL or running.get("FRONTEND_URL", "http://localhost:3000")
checks.https_url("FRONTEND_URL", FRONTEND_URL, purpose="links in mails lead there")

# __Host- makes browsers require Secure and Path=/ and refuse Domain.
_cookie_prefix = "" if DEBUG else "__Host-"
SESSION_COOKIE_NAME = f"{_cookie_prefix}sessionid"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrftoken"
CSRF_FAILURE_VIEW = "shop.api.error_responses.csrf_failure"
CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = env.switch("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^livez/?$", r"^readyz/?$", r"^metrics$"]
if env.switch("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
_hsts = env.whole_number("SECURE_HSTS_SECONDS", default=365 * 24 * 3600, at_least=0, at_most=2**31)
SECURE_HSTS_SECONDS = 0 if DEBUG else _hsts
# Off by default, because they affect other hosts.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.switch("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.switch("SECURE_HSTS_PRELOAD", default=False)
