"""Assemble the settings: apps, middleware, languages and logs here, each other subject in ``shop.conf``."""

from logging import getLevelNamesMapping

from shop.conf.accounts import *
from shop.conf.admin import *
from shop.conf.api import *
from shop.conf.base import *
from shop.conf.base import DEBUG, checks, env
from shop.conf.database import *
from shop.conf.documents import *
from shop.conf.invoices import *
from shop.conf.mails import *
from shop.conf.media import *
from shop.conf.metrics import *
from shop.conf.metrics import METRICS_TOKEN
from shop.conf.orders import *
from shop.conf.payments import *
from shop.conf.rate_limits import *
from shop.conf.retention import *
from shop.conf.security import *
from shop.conf.server import *
from shop.conf.traces import *
from shop.conf.traces import OTLP_ENDPOINT
from shop.conf.webhooks import *
from shop.logs import logging_settings

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
    *(["shop.traces.telemetry.TraceMiddleware"] if OTLP_ENDPOINT else []),
    *(["shop.metrics.requests.RequestMetricsMiddleware"] if METRICS_TOKEN else []),
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
# These checks look for Django's middleware by name, not for subclasses.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003"]

ROOT_URLCONF = "shop.dev.urls" if DEBUG else "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
# Otherwise, Django computes it twice per request.
FORCE_SCRIPT_NAME = ""

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Templates of mails in this folder replace the shop's.
        "DIRS": env.existing_folder("TEMPLATES_DIR"),
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

LANGUAGE_CODE = "en"
# Without an official ISO 3166 code; XK is user-assigned.
COUNTRIES_OVERRIDE = {"XK": "Kosovo"}
# For the admin; the API uses UTC.
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
USE_I18N = False

LOG_LEVEL = env.one_of("LOG_LEVEL", getLevelNamesMapping(), default="INFO", such_as="DEBUG, INFO, WARNING or ERROR")
LOGGING = logging_settings(level=LOG_LEVEL, readable=DEBUG)
LOGGING_CONFIG = "shop.logs.configure"

checks.raise_if_any()
