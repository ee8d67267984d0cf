"""Thread pools of the server: bounded, and fair between clients."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from shop.http.errors import ServerBusy
from shop.http.pools import Pool


async def occupy(pool: Pool) -> tuple[asyncio.Task, threading.Event]:
    """Occupy the pool's only thread until the event is set."""
    begun, free = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        free.wait(10)

    task = asyncio.create_task(pool.run(block, client="first"))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    return task, free


def test_clients_take_turns() -> None:
    served: list[str] = []

    def work(name: str) -> Callable[[], None]:
        return lambda: served.append(name)

    async def run() -> None:
        pool = Pool("test", threads=1, waiting=16, max_wait=10)
        blocked, free = await occupy(pool)
        many = [asyncio.create_task(pool.run(work("many"), client="many")) for _ in range(4)]
        await asyncio.sleep(0)
        one = asyncio.create_task(pool.run(work("one"), client="one"))
        await asyncio.sleep(0)
        free.set()
        await asyncio.gather(blocked, *many, one)

    asyncio.run(run())
    assert served == ["many", "one", "many", "many", "many"]


def test_more_than_may_wait_are_refused_at_once_and_the_others_are_served() -> None:
    async def run() -> list[object]:
        pool = Pool("test", threads=1, waiting=2, max_wait=10)
        blocked, free = await occupy(pool)
        tasks = [asyncio.create_task(pool.run(lambda: "served", client=name)) for name in "abc"]
        await asyncio.sleep(0)
        with pytest.raises(ServerBusy):
            await tasks[2]
        free.set()
        await blocked
        return await asyncio.gather(*tasks[:2])

    assert asyncio.run(run()) == ["served", "served"]


def test_one_client_may_take_a_quarter_of_the_places_to_wait_in() -> None:
    async def run() -> list[object]:
        pool = Pool("test", threads=1, waiting=8, max_wait=10)
        blocked, free = await occupy(pool)
        tasks = [asyncio.create_task(pool.run(lambda: "served", client=name)) for name in "aaab"]
        await asyncio.sleep(0)
        with pytest.raises(ServerBusy):
            await tasks[2]
        free.set()
        await blocked
        return await asyncio.gather(tasks[0], tasks[1], tasks[3])

    assert asyncio.run(run()) == ["served"] * 3


def test_work_that_has_waited_for_too_long_is_not_begun() -> None:
    begun: list[None] = []

    async def run() -> None:
        pool = Pool("test", threads=1, waiting=2, max_wait=-1)
        with pytest.raises(ServerBusy):
            await pool.run(lambda: begun.append(None), client="a")

    asyncio.run(run())
    assert not begun


@pytest.mark.parametrize(("error", "seen"), [(ZeroDivisionError, ZeroDivisionError), (SystemExit, RuntimeError)])
def test_an_error_of_the_work_reaches_its_caller_and_the_thread_goes_on(
    error: type[BaseException], seen: type[Exception]
) -> None:
    def fail() -> None:
        raise error

    async def run() -> str:
        pool = Pool("test", threads=1, waiting=2, max_wait=10)
        with pytest.raises(seen):
            await pool.run(fail, client="a")
        return await pool.run(lambda: "served", client="a")

    assert asyncio.run(run()) == "served"
