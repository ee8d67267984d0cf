from typing import Any

from bson import ObjectId
from django.conf import settings
from django.core.validators import URLValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.errors import UnknownLine
from orders.statuses import FulfilmentStatus
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls

check_tracking_url = URLValidator(schemes=["http", "https"])


@extend_schema_field({"type": "string", "format": "uri", "maxLength": 500})
class TrackingURLField(serializers.CharField):
    """Empty, or an http(s) address."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=500, allow_blank=True, validators=[check_tracking_url], **kwargs)


class FulfilledLineSerializer(serializers.Serializer):
    line = ObjectIdField(help_text="The `id` of the order's line.")
    quantity = serializers.IntegerField(min_value=1, max_value=settings.MAX_QUANTITY)


class FulfilmentSerializer(serializers.Serializer):
    """A parcel."""

    id = ObjectIdField(source="key")
    lines = FulfilledLineSerializer(many=True)
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()
    tracking_url = serializers.CharField(
        source="link", help_text="As entered, or that of a known carrier's page for the tracking number."
    )
    shipped_at = serializers.DateTimeField(help_text="Time of dispatch.")
    delivered_at = serializers.DateTimeField(allow_null=True)


class TrackingSerializer(OptionalNulls):
    carrier = serializers.CharField(max_length=80, required=False, allow_blank=True)
    tracking_number = serializers.CharField(max_length=120, required=False, allow_blank=True)
    tracking_url = TrackingURLField(
        required=False, help_text="An http or https address. Without it, that of a known carrier is derived."
    )


class ShipSerializer(TrackingSerializer):
    """The parcel's contents: all that is left of the order if `lines` are absent."""

    lines = FulfilledLineSerializer(
        many=True,
        required=False,
        allow_empty=False,
        max_length=settings.MAX_CART_LINES,  # type: ignore[call-arg]
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (lines := attrs.pop("lines", None)) is not None:
            attrs["quantities"] = quantities_of(lines)
        return attrs


def quantities_of(lines: list[dict[str, Any]]) -> dict[ObjectId, int]:
    """Raises ``UnknownLine`` for a line that is named twice."""
    quantities: dict[ObjectId, int] = {}
    for index, each in enumerate(lines):
        if each["line"] in quantities:
            raise UnknownLine(attr=f"lines.{index}.line")
        quantities[each["line"]] = each["quantity"]
    return quantities


class ParcelChangeSerializer(TrackingSerializer):
    """Corrections of a parcel. A new carrier or tracking number replaces a `tracking_url` that was entered before."""

    delivered = serializers.BooleanField(
        required=False, help_text="`true` marks the parcel as delivered, which cannot be undone."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"delivered": attrs.pop("delivered", None), "tracking": attrs}


class FulfilSerializer(TrackingSerializer):
    status = serializers.ChoiceField(choices=[FulfilmentStatus.SHIPPED.value, FulfilmentStatus.DELIVERED.value])
