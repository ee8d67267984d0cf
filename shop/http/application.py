"""RSGI application: runs Django in thread pools.

https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple, cast

import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_started
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.utils.http import parse_header_parameters

from shop.api.errors import ServiceUnavailable
from shop.api.rate_limits import network_address_in
from shop.http.areas import Area, area_of
from shop.http.bodies import IN_MEMORY_BYTES, LARGE_BYTES, BodyReader
from shop.http.circuit import circuit
from shop.http.errors import IncompleteBody, MalformedContentType, RequestTimeout
from shop.http.limits import QUEUED_AT, REFUSAL, body_limit, raise_open_files_limit
from shop.http.pools import Pools
from shop.http.reply_headers import SERVER_NAME

logger = structlog.get_logger(__name__)

PIECE_BYTES = 64 * 1024
# Per piece of a download.
SEND_SECONDS = 30.0

Environ = dict[str, Any]
Headers = list[tuple[str, str]]


class Download(NamedTuple):
    """Sent by the event loop, so that no thread waits for a slow client."""

    status: int
    headers: Headers
    pieces: Iterator[bytes]
    close: Callable[[], None]


class Application:
    def __init__(self, django: WSGIHandler) -> None:
        self._django = django
        raise_open_files_limit()
        self._pools = Pools(settings.SERVER_POOLS, settings.SERVER_POOL_ROUTES, max_wait=settings.SERVER_QUEUE_SECONDS)
        self._bodies = BodyReader()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        environ = _environ(scope)
        try:
            if (download := await self._respond(environ, protocol)) is not None:
                await _send(download, protocol)
        except Exception:
            # Ignored if a response was sent already. The header hides the server's name.
            logger.exception("request_failed")
            protocol.response_empty(500, [("server", SERVER_NAME)])
        finally:
            environ["wsgi.input"].close()

    async def _respond(self, environ: Environ, protocol: Any) -> Download | None:
        run_django = partial(self._run_django, environ, protocol)
        client = network_address_in(environ)
        try:
            media_type = _media_type(environ)
            await self._read_body(environ, protocol, media_type=media_type, client=client)
            pool = self._pools.name_for(environ["REQUEST_METHOD"], environ["PATH_INFO"], media_type)
            environ[QUEUED_AT] = time.monotonic()
            return await self._pools[pool].run(run_django, client=client)
        except (IncompleteBody, MalformedContentType, RequestTimeout, ServiceUnavailable) as error:
            environ[REFUSAL] = error.with_traceback(None)
        try:
            return await self._pools["refusals"].run(run_django, client=client)
        except ServiceUnavailable as error:
            protocol.response_empty(error.status_code, [("server", SERVER_NAME), ("retry-after", str(error.wait))])
            return None

    async def _read_body(self, environ: Environ, protocol: Any, *, media_type: str, client: str) -> None:
        """Read the body unless its Content-Length is too large."""
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        length = None if chunked else _whole_number(environ.get("CONTENT_LENGTH", ""))
        if length == 0:
            return
        if length is not None:
            environ["CONTENT_LENGTH"] = str(length)
        path = environ["PATH_INFO"]
        limit = body_limit(media_type, path=path, images=1)
        if length is not None and length > limit:
            limit = body_limit(media_type, path=path, images=settings.MAX_IMAGES_AT_ONCE)
            if length > limit or not await self._is_from_staff(environ, client=client):
                return
        is_large = length is None or length > LARGE_BYTES
        body = await self._bodies.read(protocol, length=length, limit=limit, client=client, is_large=is_large)
        environ["wsgi.input"] = body
        if chunked:
            environ["CONTENT_LENGTH"] = str(body.seek(0, 2))
            body.seek(0)

    async def _is_from_staff(self, environ: Environ, *, client: str) -> bool:
        if area_of(environ["PATH_INFO"]) is not Area.ADMIN:
            return False
        return await self._pools["admin"].run(partial(self._has_staff_session, environ), client=client)

    def _has_staff_session(self, environ: Environ) -> bool:
        request = WSGIRequest(environ)
        # Waited in a queue, and will wait in another.
        with circuit.request(seconds_waited=settings.SERVER_QUEUE_SECONDS):
            SessionMiddleware(lambda _: HttpResponse()).process_request(request)
            return get_user(request).is_staff

    def _run_django(self, environ: Environ, protocol: Any) -> Download | None:
        request_started.send(sender=self._django.__class__, environ=environ)
        response = self._django.get_response(WSGIRequest(environ))
        if isinstance(response, FileResponse):
            response.block_size = PIECE_BYTES
            return Download(response.status_code, _headers(response), iter(response), response.close)
        try:
            if response.streaming:
                return _spooled(response)
            body = cast("HttpResponse", response).content
            protocol.response_bytes(response.status_code, _headers(response), body)
        finally:
            response.close()
        return None


def _headers(response: HttpResponseBase) -> Headers:
    headers = [*response.items(), *(("Set-Cookie", each.output(header="")) for each in response.cookies.values())]
    if response.status_code == RequestTimeout.status_code:
        # The rest of the body is not read.
        headers.append(("Connection", "close"))
    return headers


def _spooled(response: HttpResponseBase) -> Download:
    """Render a streamed response fully: a failure must not truncate it."""
    content = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115
    try:
        for piece in response:
            content.write(piece)
    except BaseException:
        content.close()
        raise
    headers = [*_headers(response), ("Content-Length", str(content.tell()))]
    content.seek(0)
    return Download(response.status_code, headers, iter(partial(content.read, PIECE_BYTES), b""), content.close)


async def _send(download: Download, protocol: Any) -> None:
    try:
        transport = protocol.response_stream(download.status, download.headers)
        for piece in download.pieces:
            async with asyncio.timeout(SEND_SECONDS):
                await transport.send_bytes(piece)
    except TimeoutError:
        logger.info("download_given_up")
    finally:
        download.close()


def _environ(scope: Any) -> Environ:
    """Return the WSGI environ (PEP 3333) without a body."""
    server, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method.upper(),
        "SCRIPT_NAME": "",
        "PATH_INFO": _latin_1(scope.path),
        "QUERY_STRING": _latin_1(scope.query_string),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
    }
    for name, value in scope.headers.items():
        if "_" in name:
            # Django would read it as the hyphenated header, which proxies set.
            continue
        key = name.replace("-", "_").upper()
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            separator = "; " if key == "HTTP_COOKIE" else ","
            value = f"{environ[key]}{separator}{value}"
        environ[key] = value
    return environ


def _latin_1(text: str) -> str:
    """Return a WSGI string, one character per byte."""
    return text if text.isascii() else text.encode().decode("latin-1")


def _media_type(environ: Environ) -> str:
    """Raises ``MalformedContentType``."""
    content_type = environ.get("CONTENT_TYPE", "")
    try:
        return parse_header_parameters(content_type)[0]
    except ValueError:
        # Django would fail, too.
        del environ["CONTENT_TYPE"]
        raise MalformedContentType from None


def _whole_number(text: str) -> int:
    """Return the number: 0 if absent or malformed, its first 21 digits if longer, which is above any limit."""
    # Leading zeros are allowed; Python reads at most 4,300 digits.
    digits = text.lstrip("0")
    return int(digits[:21]) if digits.isascii() and digits.isdigit() else 0
