"""Request bodies, read on the event loop so that no thread waits for a client."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings

from shop.http.errors import RequestTimeout, ServerBusy

# Bytes of a body that are kept in memory; the rest goes to a temporary file.
IN_MEMORY_BYTES = 64 * 1024
LARGE_BYTES = 1024 * 1024


class ClientDisconnected(Exception):
    """The connection was closed before the whole body had arrived."""


class BodyReader:
    """Reads bodies within the limits of time, rate and number that the settings set."""

    def __init__(self) -> None:
        self._reading = 0
        self._large: Counter[str] = Counter()

    async def read(self, protocol: Any, *, length: int | None, limit: int, large_of: str | None) -> IO[bytes]:
        """Return the body as a file at its beginning, of ``length`` bytes, or chunked if that is None.

        Reading ends after ``limit`` bytes. ``large_of`` is the client of a large body.
        Raises ``RequestTimeout``, ``ServerBusy`` and ``ClientDisconnected``.
        """
        with self._slot(large_of):
            body = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115
            try:
                received = await self._copy(protocol, body, limit=limit)
                if length is not None and received < length:
                    raise ClientDisconnected
            except BaseException:
                body.close()
                raise
        body.seek(0)
        return body

    @staticmethod
    async def _copy(protocol: Any, body: IO[bytes], *, limit: int) -> int:
        """Copy the body, which has some seconds to begin with and more for the bytes that have arrived."""
        started = asyncio.get_running_loop().time()
        received = 0
        try:
            async with asyncio.timeout(settings.REQUEST_BODY_SECONDS) as timeout:
                async for chunk in protocol:
                    received += len(chunk)
                    body.write(chunk)
                    if received > limit:
                        break
                    earned = received / settings.REQUEST_BODY_BYTES_PER_SECOND
                    timeout.reschedule(started + settings.REQUEST_BODY_SECONDS + earned)
        except TimeoutError:
            raise RequestTimeout from None
        return received

    @contextmanager
    def _slot(self, large_of: str | None) -> Iterator[None]:
        """Count a body that is being read; a large one also for its client. Raises ``ServerBusy``."""
        if self._reading >= settings.MAX_BODIES:
            raise ServerBusy
        if large_of is not None and (
            self._large.total() >= settings.MAX_LARGE_BODIES
            or self._large[large_of] >= settings.MAX_LARGE_BODIES_OF_A_CLIENT
        ):
            raise ServerBusy
        self._reading += 1
        if large_of is not None:
            self._large[large_of] += 1
        try:
            yield
        finally:
            self._reading -= 1
            if large_of is not None:
                self._large[large_of] -= 1
                if not self._large[large_of]:
                    del self._large[large_of]
