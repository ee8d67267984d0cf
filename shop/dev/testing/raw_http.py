"""Requests that no client library sends."""

import socket

from shop.dev.testing.server import ShopServer


def connect(server: ShopServer, *parts: bytes, source: str = "127.0.0.1") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20, source_address=(source, 0))
    connection.sendall(b"".join(parts))
    return connection


def head(method: str, path: str | bytes, *headers: str) -> bytes:
    target = path if isinstance(path, bytes) else path.encode()
    lines = [b"%s %s HTTP/1.1" % (method.encode(), target), b"Host: 127.0.0.1", *map(str.encode, headers), b"", b""]
    return b"\r\n".join(lines)


def response_of(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received
