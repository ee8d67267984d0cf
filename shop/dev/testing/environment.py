"""Environments independent of the shell and ``.env``; only ``MONGO_URI`` is kept.

``python -m shop.dev.testing.environment tests|production COMMAND …``
"""

import os
import re
import secrets
import sys
from pathlib import Path

# Everything that the settings read, except MONGO_URI and DATA_DIR.
ENVIRONMENT = {
    "ADMIN_PATH": "admin/",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1],testserver",
    "BCRYPT_ROUNDS": "4",
    "BEHIND_TLS_PROXY": "0",
    "CACHE_URL": "locmemcache://",
    "CATALOG_CACHE_SECONDS": "0",
    "CLOUD_API_BASE": "http://127.0.0.1:9",
    "CLOUD_API_KEY": "",
    "CLOUD_API_SECRET": "",
    "CLOUD_FOLDER": "shop",
    "CLOUD_NAME": "",
    "CRASH_AT": "",
    "CORS_ALLOWED_ORIGINS": "",
    "CURRENCY": "usd",
    "DEBUG": "1",
    "DEFAULT_FROM_EMAIL": "",
    # For other processes; in pytest Django keeps mails in memory.
    "EMAIL_URL": "dummymail://",
    "ADMIN_REQUIRE_TWO_FACTOR": "off",
    "EMAIL_VERIFICATION_TIMEOUT": "259200",
    "ERASURE_GRACE_DAYS": "90",
    "ORDER_NOTICE_EMAILS": "",
    "ORDER_TOKEN_TIMEOUT": "7776000",
    "STOREFRONT_KEYS": "",
    "FRONTEND_URL": "http://localhost:3000",
    "HOST": "127.0.0.1",
    "CREDIT_NOTE_NUMBER": "",
    "INVOICE_NOTE": "",
    "INVOICE_NUMBER": "",
    "INVOICE_NUMBERS_RESTART_YEARLY": "1",
    "INVOICE_YEARS": "10",
    "JWT_SECRET_KEY": "",
    "LOG_LEVEL": "WARNING",
    "ORDER_HOLD_SECONDS": "1800",
    "FAILED_PAYMENTS_PER_ADDRESS": "100",
    "FAILED_PAYMENTS_PER_CUSTOMER": "20",
    "FAILED_PAYMENTS_PER_ORDER": "10",
    "FAILED_PAYMENTS_WINDOW_SECONDS": "3600",
    "UNPAID_HOLD_SECONDS": "600",
    "STAFF_ORDER_HOLD_HOURS": "72",
    "RETURN_DAYS": "30",
    "WITHDRAWAL_DAYS": "14",
    "UNPAID_ORDERS_PER_CUSTOMER": "5",
    "UNPAID_ORDERS_UNVERIFIED": "3",
    "UNPAID_PIECES_PER_ADDRESS": "1000",
    "UNPAID_PIECES_PER_CUSTOMER": "200",
    "UNPAID_PIECES_UNVERIFIED": "50",
    "LOW_STOCK_THRESHOLD": "5",
    "MAX_QUANTITY_PER_LINE": "1000",
    # No invoices.
    "SELLER_ADDRESS": "",
    "SELLER_CONTACT": "",
    "SELLER_NAME": "",
    "SELLER_REGISTRATION": "",
    "SELLER_TAX_ID": "",
    "SHOP_LOGO": "",
    "SUPPORT_EMAIL": "",
    "TEMPLATES_DIR": "",
    "SHOWN_STOCK": "5",
    "STAFF_ACTIONS_DAYS": "730",
    "CHANGES_RETENTION_DAYS": "30",
    "WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8",
    "STOCK_MOVEMENT_MONTHS": "24",
    "PAPER_SIZE": "a4",
    "PDF_FONT": "",
    "PASSWORD_RESET_TIMEOUT": "3600",
    "STAFF_INVITATION_TIMEOUT": "259200",
    "METRICS_PORT": "0",
    "METRICS_TOKEN": "",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
    "SENTRY_DSN": "",
    "TRACED_PERCENT": "10",
    "PORT": "8000",
    "PRICES_INCLUDE_TAX": "0",
    "RATE_LIMITS": "off",
    "SECRET_KEY": "",
    "SECRET_KEY_FALLBACKS": "",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": "0",
    "SECURE_HSTS_PRELOAD": "0",
    "SECURE_HSTS_SECONDS": "31536000",
    "SECURE_SSL_REDIRECT": "0",
    # An unused port: tests without the simulator never reach Stripe.
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "STRIPE_SAVED_CARDS": "1",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_simulator",
    "STRIPE_SECRET_KEY": "sk_test_simulator",
    "STRIPE_WEBHOOK_SECRET": "whsec_simulator",
    "CARRIERS": "",
    "TAX_PROVIDER": "",
    "TIME_ZONE": "UTC",
    "TRUSTED_PROXIES": "0",
    "WEB_WORKERS": "2",
    "WORKER_HEALTH_FILE": "",
}


def production(mongo_uri: str = "mongodb://db.shop.test/shop?replicaSet=rs0") -> dict[str, str]:
    """Return a complete environment with generated secrets."""
    return {
        **{name: value for name, value in os.environ.items() if name != "DATA_DIR"},
        **ENVIRONMENT,
        "MONGO_URI": mongo_uri,
        "DEBUG": "0",
        "LOG_LEVEL": "INFO",
        "RATE_LIMITS": "on",
        "BCRYPT_ROUNDS": "12",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "ALLOWED_HOSTS": "api.shop.test",
        "CORS_ALLOWED_ORIGINS": "https://shop.test",
        "FRONTEND_URL": "https://shop.test",
        "SECURE_SSL_REDIRECT": "1",
        "SELLER_NAME": "Shop Ltd",
        "SELLER_ADDRESS": "1 Plate Lane,London",
        "EMAIL_URL": "smtp+tls://shop:secret@mail.shop.test:587",
        "STRIPE_SECRET_KEY": "sk_live_" + secrets.token_hex(12),
        "STRIPE_PUBLISHABLE_KEY": "pk_live_" + secrets.token_hex(12),
        "STRIPE_WEBHOOK_SECRET": "whsec_" + secrets.token_hex(12),
        "STRIPE_API_BASE": "https://api.stripe.com",
        "CLOUD_NAME": "shop",
        "CLOUD_API_KEY": "123456789012345",
        "CLOUD_API_SECRET": secrets.token_urlsafe(20),
        "CLOUD_API_BASE": "https://api.cloudinary.com",
    }


def variables_read() -> set[str]:
    project = Path(__file__).resolve().parents[2]
    sources = [project / "settings.py", *(project / "conf").glob("*.py")]
    return {name for source in sources for name in re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source.read_text())}


def main(kind: str, *command: str) -> None:
    tests = {**os.environ, **ENVIRONMENT}
    production_like = production(os.environ.get("MONGO_URI") or "mongodb://db.shop.test/shop?replicaSet=rs0")
    os.execvpe(command[0], command, {"tests": tests, "production": production_like}[kind])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
