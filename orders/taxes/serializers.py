from typing import Any

from rest_framework import serializers

from shop.db.money_fields import MoneyField


class TaxRateField(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=6,
            decimal_places=3,
            normalize_output=True,
            help_text="In per cent, such as `19` or `7.25`.",
            **kwargs,
        )


class TaxLineSerializer(serializers.Serializer):
    label = serializers.CharField()  # type: ignore[assignment]
    rate = TaxRateField()
    amount = MoneyField()
