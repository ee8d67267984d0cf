from typing import Any

from rest_framework import serializers

from orders.taxes.models import TaxRate
from shop.api.optional_nulls import OptionalNulls
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


class WrittenTaxRateField(TaxRateField):
    # An empty text is no number.
    extra_schema = {"pattern": r"^(?:0*\d{1,2}(?:\.\d{0,3})?|100(?:\.0{0,3})?)$"}


class TaxRateSerializer(OptionalNulls, serializers.ModelSerializer):
    country = serializers.CharField(max_length=2, help_text="A two-letter ISO 3166 code.")
    rate = WrittenTaxRateField(min_value=0, max_value=100)

    class Meta:
        model = TaxRate
        fields = ["id", "country", "state", "tax_class", "label", "rate", "applies_to_shipping"]
        # The unique index needs the normalized values.
        validators: list[Any] = []

    descriptions = {
        "state": "A code (`CA`) or a name; empty for the whole country.",
        "tax_class": "Class of the products.",
        "applies_to_shipping": "Whether shipping is taxed by it.",
    }
