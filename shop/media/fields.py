"""Image upload fields."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import File
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from shop.media import MAX_SIDE, MediaUnavailable, PreparedImage, prepare_image


@extend_schema_field(OpenApiTypes.BINARY)
class UploadedImageField(serializers.FileField):
    """A multipart file, validated to a `PreparedImage`."""

    def __init__(self, *, max_side: int = MAX_SIDE, **kwargs: Any) -> None:
        self.max_side = max_side
        kwargs.setdefault("write_only", True)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> PreparedImage:
        if not isinstance(data, File):
            self.fail("invalid")
        try:
            return prepare_image(data, max_side=self.max_side)
        except ValidationError as error:
            raise serializers.ValidationError(error.message, code=error.code) from error


class ImageFormField(forms.FileField):
    widget = forms.ClearableFileInput

    def __init__(self, *, max_side: int = MAX_SIDE, **kwargs: Any) -> None:
        self.max_side = max_side
        super().__init__(**kwargs)

    def to_python(self, data: Any) -> PreparedImage | None:
        # Skip the check of the unused file name.
        if data in self.empty_values:
            return None
        try:
            return prepare_image(data, max_side=self.max_side)
        except MediaUnavailable as error:
            raise ValidationError(str(error), code="media_unavailable") from error

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"accept": "image/jpeg,image/png,image/webp"}
