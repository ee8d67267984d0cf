"""Serializer fields for texts that identify something."""

from typing import Any

from rest_framework import serializers

from shop import identifiers


class CodeField(serializers.CharField):
    """A code as it is stored; see :func:`shop.identifiers.code`."""

    normalize = staticmethod(identifiers.code)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            # Here, because the base class looks for empty texts before it reads the value.
            data = self.normalize(data)
        return super().run_validation(data)


class UpperCodeField(CodeField):
    normalize = staticmethod(identifiers.upper_code)


class LowerCodeField(CodeField):
    normalize = staticmethod(identifiers.slug)


class LowerSlugField(LowerCodeField, serializers.SlugField):
    """A slug in small letters, whatever case it is sent in."""
