#!/usr/bin/env python
"""Shop's command line."""

import os
import sys
from pathlib import Path

DEVELOPMENT_COMMANDS = Path(__file__).parent / "shop/dev/management/commands"


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
        _refuse_development_commands()
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        hint = (
            "" if os.environ.get("DEBUG") else "\nTo try the shop without these settings: `make run`, or set DEBUG=1."
        )
        raise SystemExit(f"{error}{hint}") from None
    except Exception as error:
        if sentence := _explain_database_failure(error):
            raise SystemExit(sentence) from None
        raise


def _refuse_development_commands() -> None:
    """Explain that ``shop.dev`` needs DEBUG."""
    from django.conf import settings

    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command.isidentifier() and (DEVELOPMENT_COMMANDS / f"{command}.py").is_file() and not settings.DEBUG:
        raise SystemExit(
            f"`manage.py {command}` creates demo accounts with public passwords or puts the shop under load, so it "
            "needs DEBUG=1; in production start `manage.py serve` and `manage.py worker`."
        )


def _explain_database_failure(error: Exception) -> str:
    """Return the cause, "" for other errors."""
    from django.conf import settings

    from shop.db.diagnosis import explain_failure

    sentence = explain_failure(settings.MONGO_URI, error)
    if sentence and settings.DEBUG and not os.environ.get("MONGO_URI"):
        return (
            f"{sentence} (MONGO_URI is not set, and no `make run` is running in {settings.DATA_DIR}: start it, or set "
            "MONGO_URI or another DATA_DIR.)"
        )
    return sentence


if __name__ == "__main__":
    main()
