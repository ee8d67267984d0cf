"""Temporary Redis: `redis-server` if installed, else fakeredis over TCP."""

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import redis
from fakeredis import TcpFakeServer

from shop.dev.mongod import free_port
from shop.dev.processes import spawn

START_SECONDS = 10


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    port = free_port()
    serve = _real if shutil.which("redis-server") else _fake
    with serve(port):
        url = f"redis://127.0.0.1:{port}/0"
        _wait_for(url)
        yield url


@contextlib.contextmanager
def _real(port: int) -> Iterator[None]:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = spawn(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait(START_SECONDS)


@contextlib.contextmanager
def _fake(port: int) -> Iterator[None]:
    server = TcpFakeServer(("127.0.0.1", port), server_type="redis")
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _wait_for(url: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.02)
