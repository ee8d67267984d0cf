"""How the production HTTP server is started, wherever it is started."""

import sys


def server_command(port: int, *, workers: int) -> list[str]:
    """Return granian's command line: worker processes that it replaces when they die, HTTP/1 only.

    The threads are those of `settings.SERVER_POOLS`.
    """
    command = [sys.executable, "-m", "granian", "shop.rsgi:application", "--interface", "rsgi", "--loop", "uvloop"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--http", "1", "--no-ws"]
    command += ["--workers", str(workers), "--backlog", "1024"]
    # Open connections of a worker, idle ones included, and how long one may take to send the head of a request.
    command += ["--backpressure", "10000", "--http1-header-read-timeout", "15000", "--http1-buffer-size", "65536"]
    command += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3"]
    command += ["--log-level", "info"]
    return command
