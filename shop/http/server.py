import errno
import ipaddress
import socket
import sys


class PortUnavailable(Exception):
    """The server cannot listen on the port."""


# Longer than any request.
STOP_SECONDS = 25


def server_command(port: int, *, workers: int, host: str = "127.0.0.1") -> list[str]:
    """Thread pools are in `settings.SERVER_POOLS`."""
    command = [sys.executable, "-m", "granian", "shop.http.rsgi:application", "--interface", "rsgi", "--loop", "uvloop"]
    command += ["--host", host, "--port", str(port), "--http", "1", "--no-ws"]
    command += ["--workers", str(workers), "--backlog", "1024"]
    # --backpressure counts idle connections, too.
    command += ["--backpressure", "10000", "--http1-header-read-timeout", "15000", "--http1-buffer-size", "65536"]
    command += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", str(STOP_SECONDS)]
    command += ["--log-level", "info"]
    return command


def check_port(port: int, *, host: str = "127.0.0.1") -> None:
    """Raise ``PortUnavailable``. granian sets SO_REUSEPORT, so two servers would share the connections."""
    if not 1 <= port <= 65535:
        raise PortUnavailable(f"PORT must be a whole number from 1 to 65535, not {port}.")
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        raise PortUnavailable(_not_an_address(host)) from None
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortUnavailable(
                    f"Port {port} is in use: stop the process that uses it, or choose another PORT."
                ) from None
            if error.errno == errno.EADDRNOTAVAIL:
                raise PortUnavailable(_not_an_address(host)) from None
            raise PortUnavailable(f"Port {port} cannot be used ({error.strerror}): choose another PORT.") from None


def _not_an_address(host: str) -> str:
    return f"HOST must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0, not {host!r}."
