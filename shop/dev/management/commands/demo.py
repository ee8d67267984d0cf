import argparse
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from accounts.links import VERIFICATION
from accounts.models import User
from shop.dev.demo.journey import Journey
from shop.dev.demo.narration import TerminalNarrator
from shop.dev.demo.storefront import PromiseBroken


class Command(BaseCommand):
    help = "Run a purchase against the running shop over HTTP: browse, order, pay, decline, cancel, refund."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--url", default=f"http://127.0.0.1:{running_port()}", help="base URL of the shop")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.STRIPE_SECRET_KEY.startswith(("sk_test_", "rk_test_")):
            raise CommandError("The demo pays with test cards, so it needs a test key in STRIPE_SECRET_KEY.")
        narrator = TerminalNarrator(self.stdout)
        try:
            Journey(options["url"], settings.STRIPE_API_BASE, narrator, read_mail=verification_link).run()
        except PromiseBroken as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\nAll steps succeeded.")


def verification_link(email: str) -> dict[str, str]:
    """Return the parameters that the mail's link has; `make run` writes its mails to a log."""
    link = VERIFICATION.url(User.objects.get(email=email))
    return dict(parse_qsl(urlsplit(link).query))


def running_port() -> str:
    """Return the port published by `manage.py run`, else the configured one."""
    try:
        return json.loads(settings.RUN_FILE.read_text())["PORT"]
    except (OSError, ValueError, KeyError):
        return str(settings.PORT)
