"""Pictures in replies: their shapes, and how they are read."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers

from shop.db.documents import Document
from shop.media.urls import SIZES, image_urls

_CARD = SIZES["card"].width


class PictureSizesSerializer(serializers.Serializer):
    """URLs for `srcset`; no size is larger than the upload."""

    original = serializers.URLField(read_only=True)

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
    thumbnail = serializers.URLField(read_only=True)
    sizes = PictureSizesSerializer(read_only=True)
    alt = serializers.CharField(read_only=True)
    width = serializers.IntegerField(read_only=True, allow_null=True, help_text="Of `url`; null until known.")
    height = serializers.IntegerField(read_only=True, allow_null=True)
    position = serializers.IntegerField(read_only=True)


def pictures_of(stored: list[Document], *, base_url: str) -> list[Document]:
    return [
        picture(
            pk=each["id"],
            name=each["name"],
            alt=each.get("alt", ""),
            position=position,
            size=(each.get("width"), each.get("height")),
            base_url=base_url,
        )
        for position, each in enumerate(stored)
    ]


def item_picture(stored: Document, url: Callable[[str], str | None]) -> Document:
    width, height = stored.get("width"), stored.get("height")
    if width and height and (longest := max(width, height)) > _CARD:
        width, height = (max(1, round(side * _CARD / longest)) for side in (width, height))
    return {"url": url(stored["name"]), "alt": stored.get("alt", ""), "width": width, "height": height}


def picture(
    *, pk: Any, name: str, alt: str, position: int, size: tuple[int | None, int | None], base_url: str
) -> dict[str, Any]:
    sizes = image_urls(name, base_url=base_url)
    return {
        "id": str(pk),
        "url": sizes["original"],
        "thumbnail": sizes["thumbnail"],
        "sizes": sizes,
        "alt": alt,
        "width": size[0],
        "height": size[1],
        "position": position,
    }
