"""System checks for ``--database default`` and ``--deploy``."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connections
from pymongo.errors import OperationFailure

from shop.db.schema_state import unapplied_migrations

LONGEST_TRANSACTION_SECONDS = 10
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


@checks.register(checks.Tags.security, deploy=True)
def check_email_backend(**_: Any) -> list[checks.CheckMessage]:
    """Warn without SMTP: links that give access may be logged."""
    if settings.EMAIL_BACKEND == SMTP_BACKEND:
        return []
    hint = "Set EMAIL_URL to a mail server: smtp+tls://user:password@host:587."
    return [
        checks.Warning(f"Mails go to {settings.EMAIL_BACKEND}, so no one receives them.", hint=hint, id="shop.W002")
    ]


@checks.register(deploy=True)
def check_seller(**_: Any) -> list[checks.CheckMessage]:
    if settings.INVOICES_ENABLED:
        return []
    hint = "Set SELLER_NAME and SELLER_ADDRESS."
    return [checks.Warning("No invoices are issued: the seller is not set.", hint=hint, id="shop.W007")]


@checks.register(checks.Tags.security, deploy=True)
def check_https(**_: Any) -> list[checks.CheckMessage]:
    """Replace Django's checks, which require its SecurityMiddleware."""
    messages: list[checks.CheckMessage] = []
    if not settings.SECURE_SSL_REDIRECT:
        hint = "Leave SECURE_SSL_REDIRECT at its default, unless the reverse proxy redirects."
        messages.append(checks.Warning("Requests without HTTPS are served.", hint=hint, id="shop.W003"))
    if not settings.SECURE_HSTS_SECONDS:
        hint = "Leave SECURE_HSTS_SECONDS at its default once the shop is permanently on HTTPS."
        messages.append(
            checks.Warning("Responses have no Strict-Transport-Security header.", hint=hint, id="shop.W004")
        )
    return messages


@checks.register(checks.Tags.staticfiles, deploy=True)
def check_static_files(**_: Any) -> list[checks.CheckMessage]:
    """Warn about uncollected files: pages would fail."""
    if not (missing := uncollected_static_file()):
        return []
    hint = "Run `manage.py collectstatic --noinput`."
    return [checks.Warning(f"{missing} is not among the collected static files.", hint=hint, id="shop.W006")]


def uncollected_static_file() -> str:
    """Return the name of a static file that is not collected, or ""."""
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return ""
    collected = staticfiles_storage.load_manifest()[0]
    for finder in get_finders():
        for path, _ in finder.list(["CVS", ".*", "*~"]):
            name = path.replace("\\", "/")
            if name not in collected or not staticfiles_storage.exists(collected[name]):
                return name
    return ""


@checks.register(checks.Tags.database)
def check_migrations(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Warn about missing unique indexes."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or not (names := unapplied_migrations()):
        return []
    message = f"{len(names)} migrations are not applied, the first is {names[0]}."
    return [checks.Warning(message, hint="Run `manage.py migrate`.", id="shop.W005")]


@checks.register(checks.Tags.database)
def check_transaction_lifetime(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Documents of an abandoned transaction stay locked until the server aborts it."""
    messages: list[checks.CheckMessage] = []
    for alias in databases or ():
        connection: Any = connections[alias]
        admin = connection.get_database().client.admin
        try:
            answer = admin.command("getParameter", 1, transactionLifetimeLimitSeconds=1)
        except OperationFailure:
            # Not permitted by some hosted databases.
            continue
        seconds = answer["transactionLifetimeLimitSeconds"]
        if seconds > LONGEST_TRANSACTION_SECONDS:
            messages.append(
                checks.Warning(
                    f"MongoDB keeps the locks of a killed process for up to {seconds} s.",
                    hint="Set transactionLifetimeLimitSeconds to 5: the shop's transactions take well under a second.",
                    id="shop.W001",
                )
            )
    return messages
