from typing import Any, cast

from rest_framework.generics import GenericAPIView
from rest_framework.serializers import Serializer

from shop.api.serializing import validate


class BodyValidationMixin(GenericAPIView):
    def validated(self, serializer_class: type[Serializer] | None = None) -> dict[str, Any]:
        """Raises ``ValidationError``."""
        chosen = serializer_class or cast("type[Serializer]", self.get_serializer_class())
        return validate(chosen, self.request.data, context=self.get_serializer_context())
