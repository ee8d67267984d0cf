"""One POST within a total time, to an address that was checked: no redirects, no proxies, little of the answer."""

import queue as queues
import ssl
import threading
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import httpcore

from shop.webhooks.addresses import AddressRefused, resolve

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0
# Of the answer's body, which is not stored.
MOST_READ = 16 * 1024
_WRITTEN_AT_ONCE = 4096


class Answer(NamedTuple):
    """``status_code`` is None without an answer, and ``error`` then says why."""

    status_code: int | None
    milliseconds: int
    error: str = ""

    @property
    def is_accepted(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


def post(url: str, headers: dict[str, str], body: bytes, *, seconds: float = TOTAL_SECONDS) -> Answer:
    """Never raises."""
    started = time.monotonic()
    status_code, error = None, ""
    try:
        status_code = _post(url, headers, body, deadline=_Deadline(started + seconds))
    except AddressRefused as refused:
        error = str(refused)
    except httpcore.TimeoutException:
        error = "The endpoint did not answer in time."
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError) as failed:
        error = f"The connection failed: {type(failed).__name__}."
    except Exception as failed:
        error = f"{type(failed).__name__}"
    if status_code is not None and not 200 <= status_code < 300:
        error = "Redirects are not followed." if 300 <= status_code < 400 else f"The endpoint answered {status_code}."
    return Answer(status_code, round((time.monotonic() - started) * 1000), error)


def _post(url: str, headers: dict[str, str], body: bytes, *, deadline: "_Deadline") -> int:
    backend = _CheckedBackend(deadline)
    with (
        httpcore.ConnectionPool(network_backend=backend, ssl_context=_ssl_context(), max_connections=1) as pool,
        pool.stream("POST", url, headers=[*headers.items(), ("connection", "close")], content=body) as answer,
    ):
        read = 0
        for part in answer.iter_stream():
            read += len(part)
            if read > MOST_READ:
                break
        return answer.status


@cache
def _ssl_context() -> ssl.SSLContext:
    context = httpcore.default_ssl_context()
    # Also the machine's own authorities.
    context.load_default_certs()
    return context


class _Deadline:
    def __init__(self, at: float) -> None:
        self._at = at

    def left(self, timeout: float | None = None) -> float:
        """Raises ``ReadTimeout``."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)


def _resolve_within(seconds: float, host: str, port: int) -> list[str]:
    """Leave a slow look-up behind in a thread: the system's has no timeout. Raises ``ConnectTimeout``, too."""
    results: queues.SimpleQueue[list[str] | Exception] = queues.SimpleQueue()

    def look_up() -> None:
        try:
            results.put(resolve(host, port))
        except Exception as error:
            results.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = results.get(timeout=seconds)
    except queues.Empty:
        raise httpcore.ConnectTimeout from None
    if isinstance(found, Exception):
        raise found
    return found


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to an address that it has checked, so that the name cannot change between check and connection."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline, self._backend = deadline, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        until = _Deadline(time.monotonic() + self._deadline.left(CONNECT_SECONDS))
        addresses = _resolve_within(until.left(), host, port)
        for number, address in enumerate(addresses, 1):
            try:
                # The others get a part of the time, too.
                share = until.left() / (len(addresses) - number + 1)
                stream = self._backend.connect_tcp(address, port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
            else:
                return _Stream(stream, self._deadline)
        raise httpcore.ConnectError


class _Stream(httpcore.NetworkStream):
    """Ends with the deadline, however slowly the other side sends."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The time applies to each part that the other side takes.
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            self._stream.write(buffer[start : start + _WRITTEN_AT_ONCE], self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
