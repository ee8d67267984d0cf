"""Settings, read from the environment and ``.env``; docs/configuration.md lists the variables."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from shop.api.description import API_DESCRIPTION, API_TAGS
from shop.conf.admin_theme import UNFOLD  # noqa: F401 (a setting of django-unfold)
from shop.conf.environment import LOG_LEVELS, Environment, SettingsChecks
from shop.db.caching import is_redis
from shop.logs import logging_settings
from shop.money import STRIPE_CURRENCIES

BASE_DIR = Path(__file__).resolve().parent.parent

checks = SettingsChecks()
env = Environment(checks)
env.read_env(BASE_DIR / ".env")

DEBUG = env.switch("DEBUG", default=False)
checks.enforced = not DEBUG

# --- Data folder and server address -----------------------------------------------------------------------------------

DATA_DIR = Path(env.str("DATA_DIR", default="") or BASE_DIR / ".data").resolve()
# Validated by `manage.py serve`: some shells and Conda set HOST, too.
HOST = env.str("HOST", default="") or "127.0.0.1"
PORT = env.whole_number("PORT", default=8000, at_least=0, at_most=65535)
WEB_WORKERS = env.whole_number("WEB_WORKERS", default=2, at_least=1, at_most=256)

# Written by `manage.py run`.
RUN_FILE = DATA_DIR / "run.json"


def _running() -> dict[str, str]:
    if not DEBUG:
        return {}
    try:
        return json.loads(RUN_FILE.read_text())
    except (OSError, ValueError):
        return {}


_run = _running()

# --- Secrets and hosts ------------------------------------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY", default="")
JWT_SECRET_KEY = env.str("JWT_SECRET_KEY", default="")
checks.strong_secret("SECRET_KEY", SECRET_KEY, at_least=50)
# Old keys, during rotation.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
for _former in SECRET_KEY_FALLBACKS:
    checks.strong_secret("SECRET_KEY_FALLBACKS", _former, at_least=50)
checks.strong_secret("JWT_SECRET_KEY", JWT_SECRET_KEY, at_least=32)
checks.different("JWT_SECRET_KEY", JWT_SECRET_KEY, "SECRET_KEY", SECRET_KEY)
if DEBUG:
    SECRET_KEY = SECRET_KEY or "development-only-secret-key-that-production-refuses-to-start-with"
    JWT_SECRET_KEY = JWT_SECRET_KEY or "development-only-jwt-secret-key-that-production-refuses"

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"] if DEBUG else [])
checks.host_list("ALLOWED_HOSTS", ALLOWED_HOSTS)
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
checks.origin_list("CORS_ALLOWED_ORIGINS", CORS_ALLOWED_ORIGINS)
CORS_ALLOW_ALL_ORIGINS = DEBUG and not CORS_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = ("accept", "authorization", "content-type", "idempotency-key", "if-none-match", "x-cart-token")
CORS_EXPOSE_HEADERS = ("X-Cart-Token", "Idempotency-Replayed", "Retry-After", "ETag", "X-Request-ID")
FRONTEND_URL = env.str("FRONTEND_URL", default="http://localhost:3000" if DEBUG else "")
checks.https_url("FRONTEND_URL", FRONTEND_URL, purpose="links in mails lead there")

# --- The database -----------------------------------------------------------------------------------------------------

MONGO_URI = env.str("MONGO_URI", default="") or _run.get("MONGO_URI", "")
checks.given("MONGO_URI", MONGO_URI, purpose="it names the MongoDB replica set that keeps the shop")
if MONGO_URI:
    MONGO_DATABASE = checks.replica_set("MONGO_URI", MONGO_URI)
else:
    # For commands that need no database.
    MONGO_URI, MONGO_DATABASE = "mongodb://127.0.0.1:27017/shop?replicaSet=rs0", "shop"

DATABASES = {
    "default": {
        "ENGINE": "shop.db.backend",
        "HOST": MONGO_URI,
        "NAME": MONGO_DATABASE,
        "OPTIONS": {
            "appname": "shop",
            "w": "majority",
            "readConcernLevel": "majority",
            "retryWrites": True,
            "retryReads": True,
            "serverSelectionTimeoutMS": 5000,
            "connectTimeoutMS": 3000,
            # Notice soon that a primary answers again.
            "heartbeatFrequencyMS": 1000,
        },
    }
}
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"]
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
MIGRATION_MODULES = {
    "admin": "shop.db.contrib_migrations.admin",
    "auth": "shop.db.contrib_migrations.auth",
    "contenttypes": "shop.db.contrib_migrations.contenttypes",
}
# Per request, then 503.
REQUEST_DATABASE_SECONDS = 7

# --- The HTTP server --------------------------------------------------------------------------------------------------

ADMIN_PATH = env.folder("ADMIN_PATH", default="admin/", not_in=("api", "static", "media", "livez", "readyz"))
# Per process: threads, waiting requests (a quarter per client), patience in seconds.
SERVER_POOLS = {
    "default": {"threads": 8, "waiting": 1024},
    # Orders wait for write conflicts, payments for Stripe.
    "checkout": {"threads": 8, "waiting": 1024},
    # bcrypt takes 0.25 s of CPU.
    "passwords": {"threads": 2, "waiting": 2048, "patience": 20.0},
    # A large image takes hundreds of megabytes.
    "uploads": {"threads": 1, "waiting": 64},
    "facets": {"threads": 1, "waiting": 64},
    "docs": {"threads": 1, "waiting": 64},
    "admin": {"threads": 4, "waiting": 128},
    "webhook": {"threads": 2, "waiting": 1024},
    # Must always be free.
    "livez": {"threads": 1, "waiting": 64},
    "readyz": {"threads": 1, "waiting": 16},
    "refusals": {"threads": 1, "waiting": 1024},
}
# (methods, path prefix, pool); the first match wins.
SERVER_POOL_ROUTES = (
    ("POST", r"/api/v1/auth/(register|login|password/|email/change/?$)", "passwords"),
    ("DELETE", r"/api/v1/users/me/?$", "passwords"),
    ("POST", r"/api/v1/payments/webhook", "webhook"),
    ("POST", r"/api/v1/(orders|payments)", "checkout"),
    ("GET|HEAD", r"/api/v1/products/facets", "facets"),
    ("GET|HEAD", r"/api/(schema|docs)", "docs"),
    (".*", rf"/{ADMIN_PATH}", "admin"),
    (".*", r"/livez/?$", "livez"),
    (".*", r"/readyz/?$", "readyz"),
)
SERVER_PATIENCE_SECONDS = 8.0
# Time limit: fixed, plus bytes at this rate.
REQUEST_BODY_SECONDS = 10.0
REQUEST_BODY_BYTES_PER_SECOND = 10_000
# Per process; large: above 1 MiB.
MAX_BODIES = 1000
MAX_BODIES_OF_A_CLIENT = 250
MAX_LARGE_BODIES = 32
MAX_LARGE_BODIES_OF_A_CLIENT = 8

# --- Applications -----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # First: its templates override unfold's.
    "shop.apps.ShopConfig",
    # Without unfold's admin site.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "shop.apps.MongoAdminConfig",
    "shop.apps.MongoAuthConfig",
    "shop.apps.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "cloudinary_storage",
    "cloudinary",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "accounts",
    "catalog",
    "cart",
    "orders",
    "payments",
    *(["shop.dev"] if DEBUG else []),
]

MIDDLEWARE = [
    "shop.http.request_log.RequestLogMiddleware",
    "shop.http.reply_headers.ReplyHeadersMiddleware",
    "shop.http.middleware.DatabaseDeadlineMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shop.http.middleware.CorsMiddleware",
    "shop.http.middleware.RequestLimitsMiddleware",
    "shop.http.middleware.AdminSessionMiddleware",
    "shop.http.middleware.AdminCsrfMiddleware",
    "shop.http.middleware.AdminAuthenticationMiddleware",
    "shop.http.middleware.AdminMessageMiddleware",
]
# These look for Django's middleware by name, not subclasses.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003"]

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
APPEND_SLASH = True
# Otherwise, Django computes it twice per request.
FORCE_SCRIPT_NAME = ""

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- Users and tokens -------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailBackend"]
# 12: about 0.25 s.
BCRYPT_ROUNDS = env.whole_number("BCRYPT_ROUNDS", default=12, at_least=4 if DEBUG else 10, at_most=20)
PASSWORD_HASHERS = [
    "accounts.hashers.BCryptSHA256",
    # For imported hashes.
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "accounts.hashers.ImportedBCrypt",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {"user_attributes": ("email", "name")},
        "MinimumLengthValidator": {},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SECRET_KEY,
    "ALGORITHM": "HS256",
    "ISSUER": "shop",
    "AUDIENCE": "shop-api",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "USER_ID_CLAIM": "sub",
    # Seconds of clock difference.
    "LEEWAY": 10,
    "UPDATE_LAST_LOGIN": False,
}

# --- The API ----------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.AccessTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["shop.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["shop.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "shop.api.pagination.PageNumberPagination",
    "DEFAULT_SCHEMA_CLASS": "shop.api.schema.AutoSchema",
    "DEFAULT_METADATA_CLASS": "shop.api.metadata.Metadata",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    # Formatted by the renderer.
    "DATETIME_FORMAT": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DEFAULT_THROTTLE_CLASSES": ["shop.api.rate_limits.RateLimit"],
    "NUM_PROXIES": env.whole_number("TRUSTED_PROXIES", default=0, at_least=0, at_most=10),
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "shop.api.error_responses.ExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "shop.api.error_responses.ExceptionFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Shop",
    "DESCRIPTION": API_DESCRIPTION,
    "TAGS": API_TAGS,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "deepLinking": True, "docExpansion": "list"},
    "PREPROCESSING_HOOKS": ["shop.api.schema.paths_with_a_trailing_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "shop.api.schema.error_schemas",
        "shop.api.schema.reply_headers",
        "shop.api.schema.rules_of_input",
    ],
}
# Per body; each image adds MAX_IMAGE_BYTES.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# For 500 variants, the import's maximum.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 8_000
MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_IMAGE_PIXELS = 40_000_000
# Per admin page.
MAX_IMAGES_AT_ONCE = 20
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
    "refresh": (120, 60),
    "password": (10, 60),
    "logout_all": (10, 60),
    # These may mail strangers.
    "reset": (20, 600),
    "verify": (5, 900),
    "reset_account": (5, 900),
    # Per mailbox; the worker drops excess mails. Reset links stay valid for the whole window: requesting more must not
    # lock the owner out.
    "mail_link": (5, 24 * 3600),
    "mail_link_unverified": (4, 24 * 3600),
    "mail_order": (60, 24 * 3600),
    "mail_order_unverified": (6, 24 * 3600),
    "mail_sale": (120, 24 * 3600),
    "mail_sale_unverified": (18, 24 * 3600),
    "mail_reset": (5, 3600),
    "mail_reset_unverified": (3, 3600),
    "mail_password": (10, 24 * 3600),
    "mail_password_unverified": (3, 24 * 3600),
    # Limits the cost of bcrypt.
    "link": (60, 60),
    "export": (10, 3600),
    "upload": (60, 60),
    "address": (60, 60),
    "facets": (300, 60),
    "cart": (600, 60),
    # Refused codes.
    "coupon": (20, 600),
    "coupon_address": (100, 600),
    "order": (60, 60),
    "review": (30, 60),
    "payment": (120, 60),
}
# A process reserves several at once, so others may refuse early.
RATE_LIMITS_COUNTED_AT_ONCE = {"cart": 10, "order": 3}
checks.forbidden("RATE_LIMITS=off", not RATE_LIMITS, "rate limits can only be switched off with DEBUG=1")

# --- Orders and prices ------------------------------------------------------------------------------------------------

CURRENCY = env.one_of(
    "CURRENCY", STRIPE_CURRENCIES, default="usd", such_as="a lower-case ISO 4217 code that Stripe charges, such as usd"
)
ORDER_HOLD_SECONDS = env.whole_number("ORDER_HOLD_SECONDS", default=30 * 60, at_least=1, at_most=30 * 24 * 3600)
# Until a payment is opened; at most ORDER_HOLD_SECONDS.
UNPAID_HOLD_SECONDS = env.whole_number("UNPAID_HOLD_SECONDS", default=10 * 60, at_least=1, at_most=30 * 24 * 3600)
# UNVERIFIED: until the e-mail address is verified.
UNPAID_ORDERS_PER_CUSTOMER = env.whole_number("UNPAID_ORDERS_PER_CUSTOMER", default=20, at_least=1, at_most=10**6)
UNPAID_ORDERS_UNVERIFIED = env.whole_number("UNPAID_ORDERS_UNVERIFIED", default=10, at_least=1, at_most=10**6)
UNPAID_PIECES_PER_CUSTOMER = env.whole_number("UNPAID_PIECES_PER_CUSTOMER", default=500, at_least=1, at_most=10**9)
UNPAID_PIECES_UNVERIFIED = env.whole_number("UNPAID_PIECES_UNVERIFIED", default=100, at_least=1, at_most=10**9)
# For all accounts at a network address.
UNPAID_PIECES_PER_ADDRESS = env.whole_number("UNPAID_PIECES_PER_ADDRESS", default=1000, at_least=1, at_most=10**9)
# Then orders of deleted customers are anonymised, even if undelivered.
ERASURE_GRACE_DAYS = env.whole_number("ERASURE_GRACE_DAYS", default=90, at_least=1, at_most=3650)
# On in the EU, off in the US.
PRICES_INCLUDE_TAX = env.switch("PRICES_INCLUDE_TAX", default=False)
MAX_QUANTITY = 1_000_000
# Also limits how customers can probe the stock.
MAX_QUANTITY_PER_LINE = env.whole_number("MAX_QUANTITY_PER_LINE", default=1000, at_least=1, at_most=MAX_QUANTITY)
# Customers see stock up to this.
SHOWN_STOCK = env.whole_number("SHOWN_STOCK", default=5, at_least=0, at_most=MAX_QUANTITY)
MAX_PRICE = Decimal(10) ** 9
MAX_CART_LINES = 100
# Per customer.
MAX_ADDRESSES = 100
LOW_STOCK_THRESHOLD = env.whole_number("LOW_STOCK_THRESHOLD", default=5, at_least=0, at_most=MAX_QUANTITY)

# --- Stripe -----------------------------------------------------------------------------------------------------------

STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
# Comma-separated during rotation.
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
checks.prefixed("STRIPE_SECRET_KEY", STRIPE_SECRET_KEY, ("sk_", "rk_"))
checks.prefixed("STRIPE_PUBLISHABLE_KEY", STRIPE_PUBLISHABLE_KEY, ("pk_",))
checks.same_mode("STRIPE_SECRET_KEY", STRIPE_SECRET_KEY, "STRIPE_PUBLISHABLE_KEY", STRIPE_PUBLISHABLE_KEY)
checks.prefixed("STRIPE_WEBHOOK_SECRET", STRIPE_WEBHOOK_SECRET, ("whsec_",))
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")
if DEBUG and not STRIPE_SECRET_KEY:
    # Keys of the simulator, unknown to Stripe.
    STRIPE_SECRET_KEY = "sk_test_simulator"  # noqa: S105
    STRIPE_PUBLISHABLE_KEY = STRIPE_PUBLISHABLE_KEY or "pk_test_simulator"
    STRIPE_WEBHOOK_SECRET = STRIPE_WEBHOOK_SECRET or "whsec_simulator"
    STRIPE_API_BASE = STRIPE_API_BASE or _run.get("STRIPE_API_BASE", "http://127.0.0.1:12111")
STRIPE_API_BASE = STRIPE_API_BASE or "https://api.stripe.com"
checks.https_url("STRIPE_API_BASE", STRIPE_API_BASE, purpose="card payments pass through it")
# Call, pause and retry leave time within REQUEST_DATABASE_SECONDS.
STRIPE_TIMEOUT_SECONDS = 3.0
STRIPE_MAX_RETRIES = 1
# Then no further call in a request.
STRIPE_PATIENCE_SECONDS = 3.0
# Cancels the order; the others refuse further payments in the window.
FAILED_PAYMENTS_PER_ORDER = env.whole_number("FAILED_PAYMENTS_PER_ORDER", default=10, at_least=1, at_most=10**6)
FAILED_PAYMENTS_PER_CUSTOMER = env.whole_number("FAILED_PAYMENTS_PER_CUSTOMER", default=20, at_least=1, at_most=10**6)
FAILED_PAYMENTS_PER_ADDRESS = env.whole_number("FAILED_PAYMENTS_PER_ADDRESS", default=100, at_least=1, at_most=10**6)
FAILED_PAYMENTS_WINDOW_SECONDS = env.whole_number(
    "FAILED_PAYMENTS_WINDOW_SECONDS", default=3600, at_least=1, at_most=30 * 24 * 3600
)

# --- Images and static files ------------------------------------------------------------------------------------------

CLOUD_NAME = env.str("CLOUD_NAME", default="")
CLOUD_API_KEY = env.str("CLOUD_API_KEY", default="")
CLOUD_API_SECRET = env.str("CLOUD_API_SECRET", default="")
CLOUD_API_BASE = env.str("CLOUD_API_BASE", default="https://api.cloudinary.com")
CLOUD_DELIVERY_BASE = "https://res.cloudinary.com"
for _name in ("CLOUD_NAME", "CLOUD_API_KEY", "CLOUD_API_SECRET"):
    checks.given(_name, globals()[_name], purpose="product pictures are kept at Cloudinary")
checks.https_url("CLOUD_API_BASE", CLOUD_API_BASE, purpose="uploads are signed, not encrypted")
USE_CLOUDINARY = bool(CLOUD_NAME and CLOUD_API_KEY and CLOUD_API_SECRET)

MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = None if DEBUG else BASE_DIR / "staticfiles"
STORAGES = {
    "default": {
        "BACKEND": "shop.media.storage.CloudinaryStorage"
        if USE_CLOUDINARY
        else "django.core.files.storage.FileSystemStorage"
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = False
# Per call.
CLOUD_TIMEOUT = 5.0
CLOUDINARY_STORAGE = {
    "CLOUD_NAME": CLOUD_NAME or "unset",
    "API_KEY": CLOUD_API_KEY or "unset",
    "API_SECRET": CLOUD_API_SECRET or "unset",
    "SECURE": True,
    # Shops with the same prefix delete each other's images.
    "PREFIX": env.str("CLOUD_FOLDER", default="shop").strip("/") + "/",
}

# --- Mail, cache, time ------------------------------------------------------------------------------------------------

EMAIL_URL = env.str("EMAIL_URL", default="consolemail://" if DEBUG else "")
checks.given("EMAIL_URL", EMAIL_URL, purpose="the shop writes to its customers; e.g. smtp+tls://user:password@host:587")
vars().update(
    env.address(
        "EMAIL_URL", env.email_url_config, EMAIL_URL or "dummymail://", such_as="smtp+tls://user:password@host:587"
    )
)
# Per SMTP step.
EMAIL_TIMEOUT = 10
_storefront_host = (urlsplit(FRONTEND_URL).hostname or "localhost").removeprefix("www.")
# https://www.iana.org/assignments/special-use-domain-names; tests use "example" and "test".
UNDELIVERABLE_TOP_LEVEL_DOMAINS = frozenset({"alt", "arpa", "internal", "invalid", "local", "localhost", "onion"})
if not DEBUG:
    UNDELIVERABLE_TOP_LEVEL_DOMAINS |= {"example", "test"}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="") or f"shop@{_storefront_host}"
checks.mail_address("DEFAULT_FROM_EMAIL", DEFAULT_FROM_EMAIL)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ORDER_NOTICE_EMAILS = env.list("ORDER_NOTICE_EMAILS", default=[])
for _address in ORDER_NOTICE_EMAILS:
    checks.mail_address("ORDER_NOTICE_EMAILS", _address)
PASSWORD_RESET_TIMEOUT = env.whole_number("PASSWORD_RESET_TIMEOUT", default=3600, at_least=60, at_most=7 * 24 * 3600)
EMAIL_VERIFICATION_TIMEOUT = env.whole_number(
    "EMAIL_VERIFICATION_TIMEOUT", default=3 * 24 * 3600, at_least=60, at_most=30 * 24 * 3600
)

CACHE_URL = env.str("CACHE_URL", default="locmemcache://")
_cache = env.address("CACHE_URL", env.cache_url_config, CACHE_URL, such_as="redis://host:6379/0")
if is_redis(CACHE_URL):
    _cache |= {
        "BACKEND": "shop.db.caching.ForgetfulRedisCache",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
CACHES = {"default": _cache}

LANGUAGE_CODE = "en"
# User-assigned in ISO 3166.
COUNTRIES_OVERRIDE = {"XK": "Kosovo"}
# For the admin; the API uses UTC.
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = False

# --- Browser security -------------------------------------------------------------------------------------------------

# __Host- makes browsers require Secure and Path=/ and refuse Domain.
_cookie_prefix = "" if DEBUG else "__Host-"
SESSION_COOKIE_NAME = f"{_cookie_prefix}sessionid"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrftoken"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "shop.api.error_responses.csrf_failure"
CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = env.switch("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^livez/?$", r"^readyz/?$"]
if env.switch("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
_hsts = env.whole_number("SECURE_HSTS_SECONDS", default=365 * 24 * 3600, at_least=0, at_most=2**31)
SECURE_HSTS_SECONDS = 0 if DEBUG else _hsts
# They affect other hosts.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.switch("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.switch("SECURE_HSTS_PRELOAD", default=False)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Fault runs -------------------------------------------------------------------------------------------------------

CRASH_AT = env.str("CRASH_AT", default="")
checks.forbidden("CRASH_AT", bool(CRASH_AT), "it kills server processes, for tests")

# --- Logs -------------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.one_of("LOG_LEVEL", LOG_LEVELS, default="INFO", such_as="DEBUG, INFO, WARNING or ERROR")
LOGGING = logging_settings(level=LOG_LEVEL, readable=DEBUG)
LOGGING_CONFIG = "shop.logs.configure"
DEFAULT_EXCEPTION_REPORTER = "shop.http.exception_reports.Reporter"

# --- The admin --------------------------------------------------------------------------------------------------------

LOGIN_REDIRECT_URL = "admin:index"
FORMAT_MODULE_PATH = ["shop.formats"]

checks.raise_if_any()
