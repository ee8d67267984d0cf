"""Any malformed answer of Cloudinary is reported as an outage of the image service."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.files.base import ContentFile
from PIL import Image

from shop import media
from shop.media import MediaUnavailable
from shop.media.storage import CloudinaryStorage


class Answering(BaseHTTPRequestHandler):
    answer = b""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def cloud(settings: Any) -> Iterator[type[Answering]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    settings.CLOUD_NAME, settings.CLOUD_API_KEY, settings.CLOUD_API_SECRET = "our-shop", "123456", "secret"
    settings.CLOUD_API_BASE = f"http://127.0.0.1:{server.server_port}"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "shop.media.storage.CloudinaryStorage"}}
    yield Answering
    server.shutdown()
    server.server_close()


PAGE = {"public_id": "shop/products/a", "created_at": "2026-11-29T08:00:00Z"}
ANSWERS: list[bytes] = [
    b"",
    b"<html>",
    b"\xff\xfe",
    b"[" * 100_000,
    b"9" * 5000,
    *(
        json.dumps(value).encode()
        for value in (
            None,
            5,
            "ok",
            [],
            {},
            {"result": {}},
            {"public_id": {"$gt": ""}, "bytes": "many", "resources": 5},
            {"public_id": None, "bytes": None, "resources": None},
            {"bytes": True, "resources": [5]},
            {"bytes": -1, "resources": [{}]},
            {"resources": [{**PAGE, "created_at": "yesterday"}]},
            {"resources": [{**PAGE, "created_at": 5}]},
            {"resources": [{**PAGE, "public_id": {"a": 1}}]},
            {"resources": [], "next_cursor": {"a": 1}},
            {"resources": [], "next_cursor": "again"},
            {"error": 5},
            {"error": {"message": {}}},
        )
    ),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=[f"{answer[:60]!r}" for answer in ANSWERS])
def test_an_odd_answer_is_an_outage(cloud: type[Answering], answer: bytes, subtests: pytest.Subtests) -> None:
    cloud.answer = answer
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    storage = CloudinaryStorage()
    calls = {
        "upload": lambda: media.store_image(
            media.prepare_image(ContentFile(picture.getvalue(), name="a.png")), folder="products"
        ),
        "destroy": lambda: storage.delete("shop/products/a"),
        "resources": lambda: list(storage.image_pages("products", start="")),
    }
    for name, call in calls.items():
        with subtests.test(name), pytest.raises(MediaUnavailable):
            call()
