"""Forced failures of mongod: https://github.com/mongodb/mongo/wiki/The-%22failCommand%22-fail-point"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection, models

WRITE_CONFLICT = {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}
UNKNOWN_COMMIT = {"errorCode": 91, "errorLabels": ["UnknownTransactionCommitResult", "RetryableWriteError"]}


@contextlib.contextmanager
def failing(
    command: str, model: type[models.Model] | None = None, *, times: int | None = 1, skip: int = 0, **how: Any
) -> Iterator[Callable[[], None]]:
    """Let ``command`` fail ``times`` times (None: always), or always after ``skip`` commands.

    ``how``: options such as ``errorCode=112``, ``errorLabels=[...]``, ``closeConnection=True``; ``appName="shop"``
    selects other processes' commands, the default only this one's. Yields a function that waits for the first failure.
    """
    _connect_with_app_name()
    data = {"failCommands": [command], "appName": _app_name(), **how}
    if model is not None:
        data["namespace"] = f"{connection.settings_dict['NAME']}.{model._meta.db_table}"
    with _taking_turns():
        admin = connection.connection.admin
        mode = {"skip": skip} if skip else "alwaysOn" if times is None else {"times": times}
        before = admin.command("configureFailPoint", "failCommand", mode=mode, data=data)["count"]
        try:
            yield (
                lambda: (
                    admin.command("waitForFailPoint", "failCommand", timesEntered=before + 1, maxTimeMS=15_000) and None
                )
            )
        finally:
            admin.command("configureFailPoint", "failCommand", mode="off")


def _app_name() -> str:
    return f"shop-tests-{os.getpid()}"


def _connect_with_app_name() -> None:
    """Distinguish this process from others on the server."""
    options = connection.settings_dict["OPTIONS"]
    if options.get("appname") != _app_name():
        connection.ensure_connection()
        connection.close_pool()
        options["appname"] = _app_name()
    connection.ensure_connection()


@contextlib.contextmanager
def _taking_turns() -> Iterator[None]:
    """Serialize processes: a server has one such fail point."""
    connection.connection.admin.command("ping")  # A new client does not know the primary.
    _, port = connection.connection.primary
    with (Path(tempfile.gettempdir()) / f"shop-fail-point-{port}").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
