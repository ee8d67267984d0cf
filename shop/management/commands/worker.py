import signal
import sys
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from shop import jobs
from shop.api.errors import is_database_outage
from shop.changes.numbering import number_due
from shop.db.schema_state import migration_error
from shop.http.server import PortUnavailable, check_port
from shop.jobs import mails
from shop.logs import describe_error
from shop.metrics import exposition
from shop.webhooks import dispatching

logger = structlog.get_logger(__name__)

# Half as long as a periodic task's slice: customers wait for stock that is held longer than for mails.
JOBS_SECONDS = 0.5
NUMBERING_SECONDS = 0.25


class Command(BaseCommand):
    help = (
        "Run background work: jobs (mails, refunds, removal of images), webhooks and periodic tasks (expiry of unpaid "
        "orders, retries of Stripe events). Several workers can run at once; killing one loses nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Run what is due now, then exit.")
        parser.add_argument("--pause", type=float, default=0.5, help="Seconds between polls (default: 0.5).")

    def handle(self, *args: Any, once: bool, pause: float, **options: Any) -> None:
        if problem := migration_error():
            raise CommandError(problem)
        if settings.METRICS_PORT:
            _serve_metrics()
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        self.stdout.write("worker started")
        # A pipe would buffer it.
        self.stdout.flush()
        sender = dispatching.Thread(stopping)
        if not once:
            sender.start()
        while not stopping.is_set():
            if sender.error is not None:
                logger.critical("worker_failed", exc_info=sender.error)
                sys.exit(1)
            if settings.WORKER_HEALTH_FILE:
                _touch(settings.WORKER_HEALTH_FILE)
            try:
                # In turns, so that neither delays the other.
                busy = jobs.run_next_task()
                with mails.one_connection():
                    busy = jobs.run_due(seconds=JOBS_SECONDS) > 0 or busy
                busy = number_due(seconds=NUMBERING_SECONDS) > 0 or busy
                if once:
                    dispatching.deliver_due()
            except Exception as error:
                if not is_database_outage(error):
                    # Python would print the text of the exception.
                    logger.critical("worker_failed", exc_info=error)
                    sys.exit(1)
                if once:
                    raise
                logger.warning("database_unavailable", error=describe_error(error.__cause__ or error))
                stopping.wait(2)
                continue
            if once and not busy:
                return
            if not busy:
                stopping.wait(pause)
        sender.end()
        self.stdout.write("worker stopped")


def _touch(path: str) -> None:
    """Raises ``CommandError``: a worker without a health file would be taken for dead."""
    try:
        Path(path).touch()
    except OSError as error:
        raise CommandError(f"WORKER_HEALTH_FILE cannot be written: {path} ({error.strerror}).") from error


def _serve_metrics() -> None:
    try:
        check_port(settings.METRICS_PORT, host=settings.HOST)
    except PortUnavailable as error:
        raise CommandError(f"METRICS_PORT: {error}") from error
    exposition.serve_worker()
