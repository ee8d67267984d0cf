"""Validation of request bodies in views."""

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer


class BodyValidationMixin:
    """Mixin for generic views."""

    request: Request

    def validated(self, serializer_class: type[BaseSerializer] | None = None) -> dict[str, Any]:
        """Return the validated body. Raises ``ValidationError``."""
        serializer_class = serializer_class or self.get_serializer_class()  # type: ignore[attr-defined]
        context = self.get_serializer_context()  # type: ignore[attr-defined]
        serializer = serializer_class(data=self.request.data, context=context)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data
