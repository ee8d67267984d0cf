#!/usr/bin/env python
"""Shop's command line: ``python manage.py help`` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            "Django is not installed here: `make install` builds .venv, then run .venv/bin/python."
        ) from error
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        hint = "" if os.environ.get("DEBUG") else "\nTo try the shop without any of it: `make run`, or set DEBUG=1."
        raise SystemExit(f"{error}{hint}") from None
    except Exception as error:
        if sentence := _database_is_away(error):
            raise SystemExit(sentence) from None
        raise


def _database_is_away(error: Exception) -> str:
    """Say so in a sentence where that is what ended the command; a traceback through the driver helps nobody."""
    from django.conf import settings
    from pymongo.errors import ConnectionFailure

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ConnectionFailure):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ""
    where = settings.MONGO_URI.rpartition("@")[2].removeprefix("mongodb://")
    advice = "start it, or look at MONGO_URI"
    if settings.DEBUG and not os.environ.get("MONGO_URI"):
        advice = f"no `make run` is going in {settings.DATA_DIR}: start it, or set MONGO_URI or another DATA_DIR"
    return f"No MongoDB answers at {where}; {advice}."


if __name__ == "__main__":
    main()
