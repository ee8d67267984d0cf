"""Pictures in replies: their shapes, and how they are read."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers

from shop.db.documents import Document
from shop.media.urls import SIZES, all_urls_of

_CARD = SIZES["card"].width


class PictureSizesSerializer(serializers.Serializer):
    """URLs for `srcset`; no size is larger than the upload."""

    original = serializers.URLField(read_only=True, help_text="As uploaded.")

    def get_fields(self) -> dict[str, serializers.Field]:
        return super().get_fields() | {
            name: serializers.URLField(
                read_only=True, help_text=f"{'Cut to' if size.crop else 'Within'} {size.width} × {size.height} pixels."
            )
            for name, size in SIZES.items()
        }


class PictureSerializer(serializers.Serializer):
    id = serializers.CharField(read_only=True)
    url = serializers.URLField(read_only=True)
    thumbnail = serializers.URLField(read_only=True, help_text="Absolute address of a small version.")
    sizes = PictureSizesSerializer(read_only=True, help_text="Absolute addresses by size.")
    alt = serializers.CharField(read_only=True)
    width = serializers.IntegerField(read_only=True, allow_null=True, help_text="Of `url`; null until known.")
    height = serializers.IntegerField(read_only=True, allow_null=True)
    position = serializers.IntegerField(read_only=True)


def pictures_of(stored: list[Document], *, base_url: str) -> list[Document]:
    urls = all_urls_of(base_url=base_url)
    return [
        picture(
            pk=each["id"],
            alt=each.get("alt", ""),
            position=position,
            size=(each.get("width"), each.get("height")),
            urls=urls(each["name"]),
        )
        for position, each in enumerate(stored)
    ]


def item_picture(stored: Document, url: Callable[[str], str | None]) -> Document:
    width, height = stored.get("width"), stored.get("height")
    if width and height and (longest := max(width, height)) > _CARD:
        width, height = max(1, round(width * _CARD / longest)), max(1, round(height * _CARD / longest))
    return {"url": url(stored["name"]), "alt": stored.get("alt", ""), "width": width, "height": height}


def picture(
    *, pk: Any, alt: str, position: int, size: tuple[int | None, int | None], urls: dict[str, str | None]
) -> dict[str, Any]:
    """``urls`` are those of :func:`~shop.media.urls.image_urls`."""
    return {
        "id": str(pk),
        "url": urls["original"],
        "thumbnail": urls["thumbnail"],
        "sizes": urls,
        "alt": alt,
        "width": size[0],
        "height": size[1],
        "position": position,
    }
