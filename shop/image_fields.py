"""Fields that take an uploaded image: one for the API's serializers, one for forms and the admin."""

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
    """A multipart file that validates to a `PreparedImage`; errors carry the codes of `InvalidImage`. Write-only."""

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
    """The form counterpart: cleans to a `PreparedImage`, or to the initial value if nothing was uploaded."""

    widget = forms.ClearableFileInput

    def __init__(self, *, max_side: int = MAX_SIDE, **kwargs: Any) -> None:
        self.max_side = max_side
        super().__init__(**kwargs)

    def to_python(self, data: Any) -> PreparedImage | None:
        # Not the base class's: it judges names and their length, and the name is ours.
        if data in self.empty_values:
            return None
        try:
            return prepare_image(data, max_side=self.max_side)
        except MediaUnavailable as error:
            raise ValidationError(str(error), code="media_unavailable") from error

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"accept": "image/jpeg,image/png,image/webp"}
