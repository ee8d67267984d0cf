"""URLs of stored images."""

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
    return f"{_stem(name)}.{size}.webp"


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def image_url(name: str | None, *, size: str = "original", base_url: str = "") -> str | None:
    """Return the URL; None without a name. Never accesses the storage.

    Without `base_url` local URLs stay paths.
    """
    return urls_of(size, base_url=base_url)(name) if name else None


def image_urls(name: str | None, *, base_url: str = "") -> dict[str, str | None]:
    return all_urls_of(base_url=base_url)(name)


def all_urls_of(*, base_url: str = "") -> Callable[[str | None], dict[str, str | None]]:
    parts = [(size, _absolute(prefix, base_url), suffix) for size, (prefix, suffix) in _parts().items()]

    def urls(name: str | None) -> dict[str, str | None]:
        if not name:
            return {size: None for size, _, _ in parts}
        stem, whole = _quoted(name)
        return {size: f"{prefix}{stem if suffix else whole}{suffix}" for size, prefix, suffix in parts}

    return urls


def urls_of(size: str, *, base_url: str = "") -> Callable[[str | None], str | None]:
    prefix, suffix = _parts()[size]
    prefix = _absolute(prefix, base_url)

    def url(name: str | None) -> str | None:
        return f"{prefix}{_quoted(name)[not suffix]}{suffix}" if name else None

    return url


def relative_url(name: str, size: str = "original") -> str:
    """Return a path or, at Cloudinary, a URL."""
    prefix, suffix = _parts()[size]
    return f"{prefix}{_quoted(name)[not suffix]}{suffix}"


@lru_cache(maxsize=10_000)
def _quoted(name: str) -> tuple[str, str]:
    return quote(_stem(name)), quote(name)


def _absolute(prefix: str, base_url: str) -> str:
    return prefix if prefix.startswith("http") else f"{base_url}{prefix}"


def _parts() -> dict[str, tuple[str, str]]:
    """Return prefix and suffix of URLs by size. The name between them has no extension if there is a suffix."""
    return _url_parts(is_at_cloudinary(), settings.CLOUD_DELIVERY_BASE, settings.CLOUD_NAME, settings.MEDIA_URL)


@lru_cache(maxsize=64)
def _url_parts(
    under_cloudinary: bool, delivery_base: str, cloud_name: str, media_url: str
) -> dict[str, tuple[str, str]]:
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
