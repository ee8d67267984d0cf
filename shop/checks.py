"""What ``manage.py check`` says about the MongoDB (``--database default``), and of mails and HTTPS (``--deploy``)."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections
from pymongo.errors import OperationFailure

LONGEST_TRANSACTION_SECONDS = 10
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


@checks.register(checks.Tags.security, deploy=True)
def check_mails_leave(**_: Any) -> list[checks.CheckMessage]:
    """Warn where mails reach nobody: the links in them, which open accounts, may stand in a log instead."""
    if settings.EMAIL_BACKEND == SMTP_BACKEND:
        return []
    hint = "Let EMAIL_URL name a mail server: smtp+tls://user:password@host:587."
    return [checks.Warning(f"Mails go to {settings.EMAIL_BACKEND}, and to nobody.", hint=hint, id="shop.W002")]


@checks.register(checks.Tags.security, deploy=True)
def check_https(**_: Any) -> list[checks.CheckMessage]:
    """Warn where browsers may come, or stay, without HTTPS. Django asks this only where its own middleware is named."""
    messages: list[checks.CheckMessage] = []
    if not settings.SECURE_SSL_REDIRECT:
        hint = "Leave SECURE_SSL_REDIRECT at its default, unless whatever is in front of the shop redirects."
        messages.append(checks.Warning("Requests without HTTPS are answered.", hint=hint, id="shop.W003"))
    if not settings.SECURE_HSTS_SECONDS:
        hint = "Leave SECURE_HSTS_SECONDS at its default once the shop is to be reached by HTTPS for good."
        messages.append(checks.Warning("Browsers are not told to stay with HTTPS.", hint=hint, id="shop.W004"))
    return messages


@checks.register(checks.Tags.database)
def check_transaction_lifetime(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Warn where a server process that dies would keep its locks for long.

    A document that an abandoned transaction has changed cannot be written by anybody until the server ends it.
    """
    messages: list[checks.CheckMessage] = []
    for alias in databases or ():
        admin = connections[alias].get_database().client.admin
        try:
            answer = admin.command("getParameter", 1, transactionLifetimeLimitSeconds=1)
        except OperationFailure:
            # Hosted databases do not let everybody ask.
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
