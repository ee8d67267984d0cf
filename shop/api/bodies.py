"""Request body validation."""

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from shop.api.serializing import validate


class BodyValidationMixin:
    request: Request

    def validated(self, serializer_class: type[BaseSerializer] | None = None) -> dict[str, Any]:
        """Return the validated body. Raises ``ValidationError``."""
        serializer_class = serializer_class or self.get_serializer_class()  # type: ignore[attr-defined]
        context = self.get_serializer_context()  # type: ignore[attr-defined]
        return validate(serializer_class, self.request.data, context=context)
