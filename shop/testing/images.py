"""Pictures to upload in tests."""

import io

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def image_file(colour: str = "red", *, kind: str = "PNG", size: tuple[int, int] = (60, 40)) -> SimpleUploadedFile:
    """Return a sound picture as an upload."""
    output = io.BytesIO()
    Image.new("RGB", size, colour).save(output, kind)
    return SimpleUploadedFile(f"picture.{kind.lower()}", output.getvalue(), content_type=f"image/{kind.lower()}")


def hostile_images() -> dict[str, tuple[bytes, str]]:
    """Uploads that are no picture the shop takes, by name: their bytes and the code of the refusal."""
    sound = image_file().read()
    return {
        "empty": (b"", "invalid_image"),
        "text": (b"hello", "unsupported_image_format"),
        "gif": (image_file(kind="GIF").read(), "unsupported_image_format"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unsupported_image_format"),
        "truncated": (sound[: len(sound) // 2], "invalid_image"),
        "only a signature": (sound[:8], "invalid_image"),
        "too many pixels": (image_file(size=(20_001, 1)).read(), "image_too_many_pixels"),
    }
