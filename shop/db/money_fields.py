from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from shop import money


def money_field(**options: Any) -> models.DecimalField:
    """Return a field for an amount; three decimals fit every currency of `shop.money`."""
    return models.DecimalField(max_digits=14, decimal_places=3, validators=[MinValueValidator(Decimal(0))], **options)


class MoneyField(serializers.DecimalField):
    """A decimal string with the currency's decimals; more are refused, not rounded."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", Decimal(0))
        kwargs.setdefault("max_value", settings.MAX_PRICE)
        super().__init__(max_digits=14, decimal_places=money.decimal_places(settings.CURRENCY), **kwargs)

    def validate_precision(self, value: Decimal) -> Decimal:
        value = super().validate_precision(value)
        if value % money.smallest_step(settings.CURRENCY):
            self.fail("max_decimal_places", max_decimal_places=self.decimal_places)
        # Turns -0 into 0.
        return value + 0

    def to_representation(self, value: Decimal) -> str:
        return money.display(value)


class MoneyFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "shop.db.money_fields.MoneyField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        places = money.decimal_places(settings.CURRENCY)
        return {
            "type": "string",
            "format": "decimal",
            "pattern": self._shown(places) if direction == "response" else self._accepted(places),
            "examples": [f"{Decimal('19.99'):.{places}f}"],
        }

    @staticmethod
    def _shown(places: int) -> str:
        return rf"^\d+\.\d{{{places}}}$" if places else r"^\d+$"

    def _accepted(self, places: int) -> str:
        """Return the pattern of input, given that ``max_value`` is a power of ten."""
        digits = len(str(self.target.max_value)) - 1
        positive = r"(?!0*\.?0*$)" if self.target.min_value else ""
        fraction = rf"(?:\.\d{{0,{places}}})?" if places else ""
        return rf"^{positive}(?:\d{{1,{digits}}}{fraction}|10{{{digits}}})$"
