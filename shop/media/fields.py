from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import File
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from shop.http.addresses import base_url
from shop.media import PreparedImage, prepare_image
from shop.media.urls import image_url


@extend_schema_field(OpenApiTypes.BINARY)
class UploadedImageField(serializers.FileField):
    """A multipart file, validated to a `PreparedImage`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, **kwargs)

    def to_internal_value(self, data: Any) -> PreparedImage:
        if not isinstance(data, File):
            self.fail("invalid")
        try:
            return prepare_image(data)
        except ValidationError as error:
            raise serializers.ValidationError(error.message, code=error.code) from error


class ImageURLField(serializers.URLField):
    """The absolute URL of a stored image; the context has a ``base_url`` or a ``request``."""

    def __init__(self, *, size: str = "original", **kwargs: Any) -> None:
        self.size = size
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, name: str) -> str | None:  # type: ignore[override]
        base = self.context["base_url"] if "base_url" in self.context else base_url(self.context["request"])
        return image_url(name, size=self.size, base_url=base)
