import functools
import io
import struct
import zlib

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from shop import media


def image_file(colour: str = "red", *, kind: str = "PNG", size: tuple[int, int] = (60, 40)) -> SimpleUploadedFile:
    output = io.BytesIO()
    Image.new("RGB", size, colour).save(output, kind)
    return SimpleUploadedFile(f"picture.{kind.lower()}", output.getvalue(), content_type=f"image/{kind.lower()}")


def stored_images(folder: str) -> set[str]:
    return {name for page in media.image_pages(folder) for name, _ in page.images}


def flat_png(width: int, height: int) -> bytes:
    """Do not allocate the pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_scans(jpeg: bytes, number: int, *, between: bytes = b"") -> bytes:
    """Return a progressive JPEG with repeated scans."""
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + (between + last) * number + jpeg[-2:]


@functools.cache
def hostile_images() -> dict[str, tuple[bytes, str]]:
    """Return bytes and expected error code by name."""
    sound = image_file().read()
    progressive = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(progressive, "JPEG", progressive=True)
    return {
        "empty": (b"", "invalid_image"),
        "text": (b"hello", "unsupported_image_format"),
        "gif": (image_file(kind="GIF").read(), "unsupported_image_format"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unsupported_image_format"),
        "gif with a script": (b"GIF89a/*\x00*/=1;alert(document.domain)//", "unsupported_image_format"),
        "page": (b"<!doctype html><script>alert(1)</script>", "unsupported_image_format"),
        "169 megapixels": (flat_png(13_000, 13_000), "image_too_many_pixels"),
        "truncated": (sound[: len(sound) // 2], "invalid_image"),
        "a thousand scans": (with_scans(progressive.getvalue(), 1000), "invalid_image"),
        "only a signature": (sound[:8], "invalid_image"),
        "too many pixels": (image_file(size=(20_001, 1)).read(), "image_too_many_pixels"),
    }
