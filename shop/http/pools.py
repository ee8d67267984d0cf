"""Expensive requests cannot occupy all threads."""

import asyncio
import math
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from shop.http.errors import ServerBusy


class _Job(NamedTuple):
    function: Callable[[], Any]
    done: asyncio.Future[Any]
    submitted_at: float


class Pool:
    """Clients take turns: one that sends many requests delays only itself."""

    def __init__(self, name: str, *, threads: int, waiting: int, max_wait: float) -> None:
        self._most_waiting, self._max_wait = waiting, max_wait
        self._most_waiting_of_a_client = math.ceil(waiting / 4)
        self._waiting = 0
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._not_empty = threading.Condition()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    async def run(self, function: Callable[[], Any], *, client: str) -> Any:
        """Raises ``ServerBusy`` if too many requests wait or this one waits too long."""
        job = _Job(function, asyncio.get_running_loop().create_future(), time.monotonic())
        with self._not_empty:
            queue = self._queues.get(client, ())
            if self._waiting >= self._most_waiting or len(queue) >= self._most_waiting_of_a_client:
                raise ServerBusy
            self._waiting += 1
            self._queues.setdefault(client, deque()).append(job)
            self._not_empty.notify()
        return await job.done

    def _work(self) -> None:
        while True:
            job = self._next()
            result, error = None, None
            try:
                if time.monotonic() - job.submitted_at > self._max_wait:
                    raise ServerBusy
                result = job.function()
            except BaseException as raised:
                # A SystemExit would end the event loop.
                error = raised if isinstance(raised, Exception) else RuntimeError(repr(raised))
            job.done.get_loop().call_soon_threadsafe(_resolve, job.done, result, error)

    def _next(self) -> _Job:
        with self._not_empty:
            while not self._queues:
                self._not_empty.wait()
            client, queue = self._queues.popitem(last=False)
            job = queue.popleft()
            if queue:
                # Behind the other clients.
                self._queues[client] = queue
            self._waiting -= 1
            return job


def _resolve(done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)


class Pools:
    def __init__(
        self, sizes: Mapping[str, Mapping[str, Any]], routes: Iterable[tuple[str, str, str]], *, max_wait: float
    ) -> None:
        self._pools = {name: Pool(name, **{"max_wait": max_wait, **size}) for name, size in sizes.items()}
        self._routes = [(re.compile(methods), re.compile(path), name) for methods, path, name in routes]

    def name_for(self, method: str, path: str, media_type: str) -> str:
        for methods, paths, name in self._routes:
            if paths.match(path) and methods.fullmatch(method):
                return name
        return "uploads" if media_type == "multipart/form-data" else "default"

    def __getitem__(self, name: str) -> Pool:
        return self._pools[name]
