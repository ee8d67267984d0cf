import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from shop.dev.storefront import files


class Command(BaseCommand):
    help = (
        "Serve the starter storefront on an origin of its own, as a deployed storefront is. The API answers it if "
        "CORS_ALLOWED_ORIGINS names that origin (with DEBUG=1 every origin), and mails lead to it if FRONTEND_URL does."
    )
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=3000)
        parser.add_argument("--api", default=f"http://127.0.0.1:{settings.PORT}/api/v1", help="(%(default)s)")
        simulated = "" if settings.STRIPE_API_BASE == files.STRIPE else settings.STRIPE_API_BASE
        parser.add_argument(
            "--stripe-simulator",
            default=simulated,
            help='its address; "" if the API takes payments at Stripe (%(default)s)',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        addresses = {"api": options["api"].rstrip("/"), "stripe_simulator": options["stripe_simulator"]}
        try:
            server = ThreadingHTTPServer(("127.0.0.1", options["port"]), handler(**addresses))
        except OSError as error:
            raise CommandError(
                f"Port {options['port']} cannot be used ({error.strerror}): choose another --port."
            ) from None
        self.stdout.write(f"ready http://127.0.0.1:{server.server_port}/")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()


def handler(*, api: str, stripe_simulator: str) -> type[BaseHTTPRequestHandler]:
    """Return a handler of requests for the storefront of an API."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            headers = {
                "Cache-Control": "no-cache",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "same-origin",
            }
            found = files.read(path.removeprefix("/"))
            if found:
                status, (body, content_type) = 200, found
            elif files.is_page(path):
                status, body, content_type = 200, files.page(api=api, stripe_simulator=stripe_simulator), files.HTML
                headers["Content-Security-Policy"] = files.policy(api=api, stripe_simulator=stripe_simulator)
            else:
                status, body, content_type = 404, b"Not found.", "text/plain"
            self.send_response(status)
            for name, value in {**headers, "Content-Type": content_type, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Do not log."""

    return Handler
