"""What ``manage.py check --database default`` says about the MongoDB that the shop was given."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import connections
from pymongo.errors import OperationFailure

LONGEST_TRANSACTION_SECONDS = 10


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
