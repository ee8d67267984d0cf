"""How the production HTTP server is started, wherever it is started."""

import sys


def server_command(port: int, *, workers: int) -> list[str]:
    """Return granian's command line: processes that it replaces when they die, eight threads each, HTTP/1 only."""
    command = [sys.executable, "-m", "granian", "shop.wsgi:application", "--interface", "wsgi"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--http", "1", "--no-ws"]
    command += ["--workers", str(workers), "--blocking-threads", "8", "--backlog", "1024"]
    command += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3"]
    command += ["--log-level", "info"]
    return command
