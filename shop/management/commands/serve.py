import os
import tempfile
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from shop.conf.checks import uncollected_static_file
from shop.db.schema_state import migration_error
from shop.http.server import PortUnavailable, check_port, server_command
from shop.metrics import exposition


class Command(BaseCommand):
    help = (
        "Serve the shop over HTTP. On SIGTERM it first answers the requests in flight. Run it behind a reverse proxy "
        "that terminates TLS and buffers slow clients (docs/deployment.md)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="IP address to bind (default: HOST, or 127.0.0.1)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port (default: PORT, or 8000)")
        parser.add_argument(
            "--workers", type=int, default=settings.WEB_WORKERS, help="processes (default: WEB_WORKERS, or 2)"
        )

    def handle(self, *args: Any, host: str, port: int, workers: int, **options: Any) -> None:
        if not 1 <= workers <= 256:
            raise CommandError(f"WEB_WORKERS must be a whole number from 1 to 256, not {workers}.")
        try:
            check_port(port, host=host)
        except PortUnavailable as error:
            raise CommandError(str(error)) from error
        if missing := uncollected_static_file():
            raise CommandError(
                f"{missing} is not among the collected static files: run `manage.py collectstatic --noinput` first."
            )
        if problem := migration_error():
            raise CommandError(problem)
        # The server imports from here; DATA_DIR may be relative.
        os.chdir(settings.BASE_DIR)
        environment = os.environ | {"DATA_DIR": str(settings.DATA_DIR)}
        if settings.METRICS_TOKEN:
            # Empty: values of former processes would be added.
            environment[exposition.FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="shop-metrics-")
        command = server_command(port, workers=workers, host=host)
        # Signals then reach the server.
        os.execve(command[0], command, environment)  # noqa: S606
