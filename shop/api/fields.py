from typing import Any

from rest_framework import serializers

from shop.db import identifiers


class CodeField(serializers.CharField):
    normalize = staticmethod(identifiers.code)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            # First, since the base class refuses blank input.
            data = self.normalize(data)
        return super().run_validation(data)


class UpperCodeField(CodeField):
    normalize = staticmethod(identifiers.upper_code)


class LowerCodeField(CodeField):
    normalize = staticmethod(identifiers.slug)


class LowerSlugField(LowerCodeField, serializers.SlugField):
    """A slug in lower case."""
