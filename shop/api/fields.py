from datetime import datetime
from typing import Any

from rest_framework import serializers

from shop.db import identifiers
from shop.db.times import validate_time


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


class TimeField(serializers.DateTimeField):
    """Refuse times that overflow in a time zone or a calculation."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[validate_time], **kwargs)

    def enforce_timezone(self, value: datetime) -> datetime:
        try:
            return super().enforce_timezone(value)
        except OverflowError:
            self.fail("overflow")
