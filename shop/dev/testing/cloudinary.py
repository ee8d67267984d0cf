import base64
import hashlib
import io
import json
import re
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from PIL import Image, UnidentifiedImageError

STALE_SECONDS = 3600
UNSIGNED = {"file", "cloud_name", "resource_type", "api_key", "signature"}


@dataclass
class Asset:
    public_id: str
    content: bytes
    filename: str
    tags: list[str]
    width: int
    height: int
    format: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, object]:
        return {
            "public_id": self.public_id,
            "version": int(self.created_at.timestamp()),
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "resource_type": "image",
            "type": "upload",
            "created_at": self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tags": self.tags,
            "bytes": len(self.content),
        }


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class CloudinaryFake:
    """`url` is the value of `CLOUD_API_BASE`.

    Faults: `delay` before an answer and `drip` between its bytes (seconds), `failing_status`, `lost_answers` (number of
    calls that act without an answer), `refuse_connections()`.
    """

    def __init__(self, *, cloud_name: str, api_key: str, api_secret: str, port: int = 0) -> None:
        self.cloud_name, self.api_key, self.api_secret = cloud_name, api_key, api_secret
        self.assets: dict[str, Asset] = {}
        self.calls: Counter[str] = Counter()  # upload, destroy, resources
        self.refusals: list[str] = []
        self.delay = 0.0
        self.drip = 0.0
        self.failing_status: int | None = None
        self.lost_answers = 0
        self.page_size = 500
        self.lock = threading.Lock()
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.refuse_connections()

    def refuse_connections(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def upload(self, cloud_name: str, params: dict[str, str | list[str]], files: dict[str, tuple[str, bytes]]) -> dict:
        self._authenticate(cloud_name, params)
        if "file" not in files:
            raise Refused(400, "Missing required parameter - file")
        filename, content = files["file"]
        try:
            image = Image.open(io.BytesIO(content))
        except (UnidentifiedImageError, OSError):
            raise Refused(400, "Invalid image file") from None
        public_id = str(params.get("public_id") or secrets.token_hex(10))
        if folder := params.get("folder"):
            public_id = f"{folder}/{public_id}"
        # The default is to overwrite; false is sent as 0 or false.
        if params.get("overwrite") in ("0", "false") and public_id in self.assets:
            return self.assets[public_id].as_json() | {"existing": True}
        tags = [tag for tag in str(params.get("tags", "")).split(",") if tag]
        name = "jpg" if image.format in ("JPEG", "MPO") else str(image.format).lower()
        asset = self.assets[public_id] = Asset(public_id, content, filename, tags, image.width, image.height, name)
        return asset.as_json()

    def destroy(self, cloud_name: str, params: dict[str, str | list[str]]) -> dict:
        self._authenticate(cloud_name, params)
        if not params.get("public_id"):
            raise Refused(400, "Missing required parameter - public_id")
        return {"result": "ok" if self.assets.pop(str(params["public_id"]), None) else "not found"}

    def resources(self, prefix: str, cursor: str) -> dict:
        found = sorted(public_id for public_id in self.assets if public_id.startswith(prefix) and public_id > cursor)
        page = found[: self.page_size]
        more = {"next_cursor": page[-1]} if len(found) > len(page) else {}
        return {"resources": [self.assets[public_id].as_json() for public_id in page]} | more

    def resources_by_ids(self, public_ids: list[str]) -> dict:
        if len(public_ids) > 100:
            raise Refused(400, "Too many public ids")
        return {"resources": [self.assets[each].as_json() for each in public_ids if each in self.assets]}

    def _authenticate(self, cloud_name: str, params: dict[str, str | list[str]]) -> None:
        if cloud_name != self.cloud_name:
            raise Refused(401, f"Invalid cloud_name {cloud_name}")
        if params.get("api_key") != self.api_key:
            raise Refused(401, f"Unknown API key {params.get('api_key')}")
        timestamp = str(params.get("timestamp", ""))
        if not timestamp.isdigit():
            raise Refused(400, "Missing required parameter - timestamp")
        if abs(time.time() - int(timestamp)) > STALE_SECONDS:
            raise Refused(400, f"Stale request - reported time is {timestamp} which is more than 1 hour ago")
        signed = []
        for key, value in params.items():
            if key not in UNSIGNED:
                text = ",".join(value) if isinstance(value, list) else value
                signed.append(f"{key}={text}".replace("&", "%26"))
        to_sign = "&".join(sorted(signed))
        expected = hashlib.sha1((to_sign + self.api_secret).encode(), usedforsecurity=False).hexdigest()
        if not secrets.compare_digest(expected, str(params.get("signature", ""))):
            raise Refused(401, f"Invalid Signature {params.get('signature')}. String to sign - '{to_sign}'.")


class _Handler(BaseHTTPRequestHandler):
    fake: CloudinaryFake
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match = re.fullmatch(r"/v1_1/([^/]+)/image/(upload|destroy)", urlsplit(self.path).path)
        self._answer(match[2] if match else "unknown", match and match[1], body)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match = re.fullmatch(r"/v1_1/([^/]+)/resources/image/upload", url.path)
        self._answer("resources" if match else "unknown", match and match[1], url.query.encode())

    def _answer(self, action: str, cloud_name: str | None, body: bytes) -> None:
        fake = self.fake
        with fake.lock:
            fake.calls[action] += 1
        if fake.delay:
            fake.closing.wait(fake.delay)
        if fake.failing_status is not None:
            self._send(fake.failing_status, {"error": {"message": "Something went wrong"}})
            return
        try:
            with fake.lock:
                answer = self._act(action, cloud_name or "", body)
                lost = fake.lost_answers > 0
                fake.lost_answers -= lost
        except Refused as refused:
            fake.refusals.append(str(refused))
            self._send(refused.status, {"error": {"message": str(refused)}})
            return
        if lost:
            self.close_connection = True
        else:
            self._send(200, answer)

    def _act(self, action: str, cloud_name: str, body: bytes) -> dict:
        fake = self.fake
        if action in ("upload", "destroy"):
            params, files = parse_multipart(self.headers.get("Content-Type", ""), body)
            if action == "upload":
                return fake.upload(cloud_name, params, files)
            return fake.destroy(cloud_name, params)
        if action == "resources":
            credentials = base64.b64encode(f"{fake.api_key}:{fake.api_secret}".encode()).decode()
            if self.headers.get("Authorization") != f"Basic {credentials}" or cloud_name != fake.cloud_name:
                raise Refused(401, "Invalid credentials")
            query = parse_qs(body.decode())
            if public_ids := query.get("public_ids[]", []):
                return fake.resources_by_ids(public_ids)
            return fake.resources(query.get("prefix", [""])[0], query.get("next_cursor", [""])[0])
        raise Refused(404, f"Resource not found - {body.decode(errors='replace')[:200]}")

    def _send(self, status: int, answer: dict) -> None:
        content = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.fake.drip:
                for offset in range(len(content)):
                    self.wfile.write(content[offset : offset + 1])
                    if self.fake.closing.wait(self.fake.drip):
                        break
            else:
                self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the client gave up

    def log_message(self, *args: object) -> None:
        pass


def parse_multipart(content_type: str, body: bytes) -> tuple[dict[str, str | list[str]], dict[str, tuple[str, bytes]]]:
    """Return a form's fields (`key[]` as a list) and files, as `(filename, content)`."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise Refused(400, "multipart/form-data expected")
    fields: dict[str, str | list[str]] = {}
    files: dict[str, tuple[str, bytes]] = {}
    delimiter = b"\r\n--" + str(boundary).encode()
    _, *parts = (b"\r\n" + body).split(delimiter)
    if not parts or not parts.pop().startswith(b"--"):
        raise Refused(400, "The body ends before its last boundary")
    for part in parts:
        head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = Message()
        for line in head.decode().split("\r\n"):
            key, _, value = line.partition(":")
            disposition[key] = value.strip()
        name = disposition.get_param("name", header="Content-Disposition")
        filename = disposition.get_param("filename", header="Content-Disposition")
        if not separator or not isinstance(name, str):
            raise Refused(400, "A part of the form has no name")
        if filename is not None:
            files[name] = (str(filename), content)
        elif name.endswith("[]"):
            gathered = fields.setdefault(name.removesuffix("[]"), [])
            assert isinstance(gathered, list)
            gathered.append(content.decode())
        else:
            fields[name] = content.decode()
    return fields, files
