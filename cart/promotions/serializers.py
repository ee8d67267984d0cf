from typing import Any

from rest_framework import serializers
from rest_framework.fields import get_error_detail

from cart.promotions import rules
from cart.promotions.models import Promotion
from catalog.serializers import TagsField
from shop.api.fields import TimeField, UpperCodeField
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.api.query import QueryBooleanField
from shop.db.money_fields import MoneyField

MOST_USES = 2**31 - 1


class PromotionValueField(serializers.DecimalField):
    # An empty text is no number.
    extra_schema = {"pattern": r"^\d{1,11}(?:\.\d{0,3})?$"}


class PromotionSerializer(OptionalNulls, serializers.ModelSerializer):
    """A promotion that applies by itself (`automatic`), or to carts with its `code`."""

    code = UpperCodeField(
        max_length=40, required=False, allow_blank=True, help_text="Not case-sensitive; empty if it is automatic."
    )
    value = PromotionValueField(
        max_digits=14,
        decimal_places=3,
        min_value=0,
        required=False,
        help_text="In percent (`100` is free), or an amount, by `kind`; none for free shipping.",
    )
    applies_to = serializers.ChoiceField(choices=Promotion.AppliesTo.choices, required=False)
    targets = serializers.ListField(
        child=ObjectIdField(),
        max_length=rules.MAX_TARGETS,
        required=False,
        help_text="Ids of products, categories or collections, by `applies_to`.",
    )
    tags = TagsField(required=False, help_text="Tags of items, if `applies_to` is `tags`.")
    minimum_subtotal = MoneyField(
        required=False, help_text="Of the items that the promotion applies to, before discounts."
    )
    valid_from = TimeField(required=False, allow_null=True)
    valid_until = TimeField(required=False, allow_null=True, help_text="Not included.")
    usage_limit = serializers.IntegerField(
        min_value=0,
        max_value=MOST_USES,
        required=False,
        allow_null=True,
        help_text="Limit for all orders; null for no limit.",
    )
    times_used = serializers.IntegerField(read_only=True, help_text="By orders that are not cancelled.")
    state = serializers.ChoiceField(choices=Promotion.State.choices, read_only=True)

    class Meta:
        model = Promotion
        fields = [
            "id",
            "name",
            "code",
            "automatic",
            "kind",
            "value",
            "buy_quantity",
            "get_quantity",
            "applies_to",
            "targets",
            "tags",
            "minimum_subtotal",
            "minimum_quantity",
            "first_order_only",
            "valid_from",
            "valid_until",
            "usage_limit",
            "usage_limit_per_customer",
            "priority",
            "combinable",
            "is_active",
            "times_used",
            "state",
        ]

    descriptions = {
        "name": "Shown to shoppers; empty to show the code.",
        "automatic": "Whether it applies to every cart that meets its conditions.",
        "kind": "Type of the discount.",
        "buy_quantity": "Units to buy, of `buy_x_get_y`.",
        "get_quantity": "Units that are discounted, of `buy_x_get_y`.",
        "applies_to": "Items that are discounted.",
        "valid_from": "Start; null: at once.",
        "is_active": "Inactive promotions apply to no cart.",
        "state": "Whether it applies now, and if not, why.",
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        former: Promotion = self.instance or Promotion()
        stored: dict[str, Any] = {field.name: getattr(former, field.attname) for field in former._meta.concrete_fields}
        # The hidden code of an automatic promotion is none to enter; a new promotion needs a value.
        stored |= {"code": former.shown_code, "value": former.value if self.instance else None}
        attrs |= rules.completed(stored | attrs, former=former)
        if found := rules.faults(stored | attrs):
            raise serializers.ValidationError({name: get_error_detail(error) for name, error in found.items()})
        if attrs.keys() & {"targets", "applies_to"}:
            self._require_targets(stored | attrs)
        return attrs

    @staticmethod
    def _require_targets(values: dict[str, Any]) -> None:
        model = rules.TARGETS.get(values["applies_to"])
        if model is None:
            return
        known = set(model._default_manager.filter(pk__in=values["targets"]).values_list("pk", flat=True))
        if unknown := [str(pk) for pk in values["targets"] if pk not in known]:
            text = f"There are no such {model._meta.verbose_name_plural}: {', '.join(unknown[:10])}"
            raise serializers.ValidationError({"targets": text}, code="does_not_exist")

    def to_representation(self, promotion: Promotion) -> dict[str, Any]:
        shown = super().to_representation(promotion)
        return {**shown, "code": promotion.shown_code, "value": promotion.shown_value}


class PromotionQuerySerializer(serializers.Serializer):
    """Query parameters of the list."""

    code = UpperCodeField(max_length=40, required=False, help_text="The coupon with this code.")
    kind = serializers.ChoiceField(choices=Promotion.Kind.choices, required=False, help_text="Of this type.")
    is_active = QueryBooleanField(required=False, help_text="Active ones, or inactive ones.")
