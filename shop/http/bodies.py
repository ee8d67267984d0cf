"""Read request bodies on the event loop: no thread waits for a client."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings

from shop.http.errors import IncompleteBody, RequestTimeout, ServerBusy

# Larger bodies use a temporary file.
IN_MEMORY_BYTES = 64 * 1024
LARGE_BYTES = 1024 * 1024


class BodyReader:
    def __init__(self) -> None:
        self._all = _Slots(settings.MAX_BODIES, of_a_client=settings.MAX_BODIES_OF_A_CLIENT)
        self._large = _Slots(settings.MAX_LARGE_BODIES, of_a_client=settings.MAX_LARGE_BODIES_OF_A_CLIENT)

    async def read(self, protocol: Any, *, length: int | None, limit: int, client: str, is_large: bool) -> IO[bytes]:
        """Return the body, or its beginning if it has more than ``limit`` bytes; ``length`` is None if chunked.
        Raises ``RequestTimeout``, ``ServerBusy`` and ``IncompleteBody``.
        """
        with self._all.slot(client), self._large.slot(client) if is_large else nullcontext():
            body = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115
            try:
                await self._copy(protocol, body, length=length, limit=limit)
            except BaseException:
                body.close()
                raise
        body.seek(0)
        return body

    @staticmethod
    async def _copy(protocol: Any, body: IO[bytes], *, length: int | None, limit: int) -> None:
        """The time limit grows as bytes arrive."""
        started = asyncio.get_running_loop().time()
        received = empty = 0
        try:
            async with asyncio.timeout(settings.REQUEST_BODY_SECONDS) as timeout:
                async for chunk in protocol:
                    received += len(chunk)
                    empty += not chunk
                    body.write(chunk)
                    if received > limit:
                        break
                    earned = received / settings.REQUEST_BODY_BYTES_PER_SECOND
                    timeout.reschedule(started + settings.REQUEST_BODY_SECONDS + earned)
        except TimeoutError:
            raise RequestTimeout from None
        # Granian ends with an empty chunk, and another if the body is incomplete.
        if received < length if length is not None else empty > 1:
            raise IncompleteBody


class _Slots:
    def __init__(self, limit: int, *, of_a_client: int) -> None:
        self._limit, self._limit_of_a_client = limit, of_a_client
        self._taken: Counter[str] = Counter()

    @contextmanager
    def slot(self, client: str) -> Iterator[None]:
        """Raises ``ServerBusy`` above the limits."""
        if self._taken.total() >= self._limit or self._taken[client] >= self._limit_of_a_client:
            raise ServerBusy
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]
