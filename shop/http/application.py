"""Django for an RSGI server: thread pools behind an event loop, which does all the waiting for clients.

https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

import asyncio
from functools import partial
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_started
from django.http import HttpResponseBase

from shop.areas import Area, area_of
from shop.circuit import circuit
from shop.http.bodies import LARGE_BYTES, BodyReader, ClientDisconnected
from shop.http.errors import RequestTimeout, ServerBusy
from shop.http.limits import REFUSAL, body_limit, raise_open_files_limit
from shop.http.pools import Pools
from shop.rate_limits import address_of

# Streamed responses up to this size are sent at once, so that no thread waits for a slow reader.
SENT_AT_ONCE_BYTES = 16 * 1024 * 1024
# A client must take the next piece of a longer one within this time.
SEND_SECONDS = 30.0

Environ = dict[str, Any]


class Application:
    """Reads each request's body, lets a thread of the pool for its kind run Django, and sends the response."""

    def __init__(self, django: WSGIHandler) -> None:
        self._django = django
        raise_open_files_limit()
        self._pools = Pools(
            settings.SERVER_POOLS, settings.SERVER_POOL_ROUTES, patience=settings.SERVER_PATIENCE_SECONDS
        )
        self._bodies = BodyReader()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        environ = _environ(scope)
        respond = partial(self._respond, environ, protocol, asyncio.get_running_loop())
        try:
            await self._read_body(environ, protocol)
            pool = self._pool_name(environ)
            # Only costly requests are worth the work of telling clients apart.
            await self._pools[pool].run(respond, client="" if pool == "default" else _client(environ))
        except ClientDisconnected:
            return
        except (RequestTimeout, ServerBusy) as error:
            environ[REFUSAL] = error
            try:
                await self._pools["refusals"].run(respond, client="")
            except ServerBusy:
                protocol.response_empty(503, [("retry-after", "2")])

    def _pool_name(self, environ: Environ) -> str:
        name = self._pools.name_for(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        is_upload = environ.get("CONTENT_TYPE", "").startswith("multipart/form-data")
        return "uploads" if is_upload and name == "default" else name

    async def _read_body(self, environ: Environ, protocol: Any) -> None:
        """Put the body into ``wsgi.input``; one that is too large by its announced length is not read."""
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        length = None if chunked else _whole_number(environ.get("CONTENT_LENGTH", ""))
        if length == 0:
            return
        content_type = environ.get("CONTENT_TYPE", "")
        limit = body_limit(content_type, images=1)
        if length is not None and length > limit:
            limit = body_limit(content_type, images=settings.MAX_IMAGES_AT_ONCE)
            if length > limit or not await self._is_from_staff(environ):
                return
        is_large = length is None or length > LARGE_BYTES
        client = _client(environ) if is_large else None
        body = await self._bodies.read(protocol, length=length, limit=limit, large_of=client)
        environ["wsgi.input"] = body
        if chunked:
            environ["CONTENT_LENGTH"] = str(body.seek(0, 2))
            body.seek(0)

    async def _is_from_staff(self, environ: Environ) -> bool:
        """Return whether the request is for the admin and has a session of staff."""
        if area_of(environ["PATH_INFO"]) is not Area.ADMIN:
            return False
        return await self._pools["admin"].run(partial(self._has_staff_session, environ), client=_client(environ))

    def _has_staff_session(self, environ: Environ) -> bool:
        request = WSGIRequest(environ)
        with circuit.request():
            SessionMiddleware(lambda _: None).process_request(request)
            return get_user(request).is_staff

    def _respond(self, environ: Environ, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Let Django answer the request, and send the response."""
        request_started.send(sender=self._django.__class__, environ=environ)
        response = self._django.get_response(WSGIRequest(environ))
        try:
            _send(response, protocol, loop)
        finally:
            response.close()
            environ["wsgi.input"].close()


def _send(response: HttpResponseBase, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
    headers = [*response.items(), *(("Set-Cookie", each.output(header="")) for each in response.cookies.values())]
    if response.status_code == RequestTimeout.status_code:
        # The rest of the body is not waited for.
        headers.append(("Connection", "close"))
    if not response.streaming:
        protocol.response_bytes(response.status_code, headers, response.content)
    elif _whole_number(response.get("Content-Length", "")) in range(SENT_AT_ONCE_BYTES):
        protocol.response_bytes(response.status_code, headers, b"".join(response))
    else:
        transport = protocol.response_stream(response.status_code, headers)
        for piece in response:
            asyncio.run_coroutine_threadsafe(_send_piece(transport, piece), loop).result()


async def _send_piece(transport: Any, piece: bytes) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await transport.send_bytes(piece)


def _environ(scope: Any) -> Environ:
    """Return the request as WSGI describes it (PEP 3333), without a body."""
    server, _, port = scope.server.rpartition(":")
    path = scope.path
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path if path.isascii() else path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
    }
    for name, value in scope.headers.items():
        if "_" in name:
            # It would pass for the header with hyphens, which proxies set and remove.
            continue
        key = name.replace("-", "_").upper()
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            separator = "; " if key == "HTTP_COOKIE" else ","
            value = f"{environ[key]}{separator}{value}"
        environ[key] = value
    return environ


def _client(environ: Environ) -> str:
    """Return the client's address, as far as the proxies in front may be believed."""
    return address_of(WSGIRequest(environ))


def _whole_number(text: str) -> int:
    """Return a header's number; 0 if it is absent or malformed."""
    return int(text) if text.isascii() and text.isdigit() else 0
