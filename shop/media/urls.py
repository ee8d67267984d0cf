from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings

CLOUDINARY_BACKEND = "shop.media.storage.CloudinaryStorage"


class Size(NamedTuple):
    """Maximum size in px, cropped to that shape if `crop`, never enlarged."""

    width: int
    height: int
    crop: bool


SIZES: dict[str, Size] = {
    "thumbnail": Size(320, 320, crop=True),
    "card": Size(640, 640, crop=False),
    "large": Size(1280, 1280, crop=False),
}


def derived_name(name: str, size: str) -> str:
    """Return products/1f.thumbnail.webp for products/1f.jpg."""
    return f"{stem(name)}.{size}.webp"


def stem(name: str) -> str:
    """Return products/1f for products/1f.jpg."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def image_url(name: str | None, *, size: str = "original", base_url: str = "") -> str | None:
    """Return the URL; None without a name. Never accesses the storage.

    Without `base_url` local URLs stay paths.
    """
    return urls_of(size, base_url=base_url)(name)


def image_urls(name: str | None, *, base_url: str = "") -> dict[str, str | None]:
    return all_urls_of(base_url=base_url)(name)


def urls_of(size: str, *, base_url: str = "") -> Callable[[str | None], str | None]:
    return _url_function(*_current_parts()[size], base_url)


def all_urls_of(*, base_url: str = "") -> Callable[[str | None], dict[str, str | None]]:
    """Return a function from a name to its URLs by size."""
    functions = {size: _url_function(*parts, base_url) for size, parts in _current_parts().items()}
    return lambda name: {size: url(name) for size, url in functions.items()}


def _url_function(prefix: str, suffix: str, base_url: str) -> Callable[[str | None], str | None]:
    if not prefix.startswith("http"):
        prefix = f"{base_url}{prefix}"

    def url(name: str | None) -> str | None:
        return f"{prefix}{_quoted(name)[not suffix]}{suffix}" if name else None

    return url


def _current_parts() -> dict[str, tuple[str, str]]:
    return _url_parts(is_at_cloudinary(), settings.CLOUD_DELIVERY_BASE, settings.CLOUD_NAME, settings.MEDIA_URL)


@lru_cache(maxsize=10_000)
def _quoted(name: str) -> tuple[str, str]:
    return quote(stem(name)), quote(name)


@lru_cache(maxsize=64)
def _url_parts(
    under_cloudinary: bool, delivery_base: str, cloud_name: str, media_url: str
) -> dict[str, tuple[str, str]]:
    """Return each size's prefix and suffix; with a suffix, the stem goes between them."""
    # Cached by settings, which tests change.
    if not under_cloudinary:
        return {"original": (media_url, ""), **{size: (media_url, derived_name("", size)) for size in SIZES}}
    folder = f"{delivery_base.rstrip('/')}/{cloud_name}/image/upload"
    # lfill and limit never enlarge.
    boxes = {
        size: f"c_{'lfill' if box.crop else 'limit'},f_auto,q_auto,w_{box.width},h_{box.height}"
        for size, box in SIZES.items()
    }
    # Cloudinary requires a version for public ids with folders; v1 matches any.
    return {size: (f"{folder}/{how}/v1/", "") for size, how in {"original": "f_auto,q_auto", **boxes}.items()}


def is_at_cloudinary() -> bool:
    return settings.STORAGES["default"]["BACKEND"] == CLOUDINARY_BACKEND
