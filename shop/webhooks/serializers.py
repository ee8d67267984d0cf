from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from shop.api.optional_nulls import OptionalNulls
from shop.changes.kinds import types
from shop.webhooks.addresses import check_url
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint, all_of_kinds, is_type

MAX_TYPES = 100


class URLField(serializers.CharField):
    """An address to which the shop may send."""

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data)
        if fault := check_url(url, allows_http=settings.DEBUG):
            raise serializers.ValidationError(fault, code="invalid_url")
        return url


class TypeField(serializers.CharField):
    default_error_messages = {"unknown_type": "“{value}” is not a type of changes."}

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if not is_type(value):
            self.fail("unknown_type", value=value)
        return value


class TypeFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "shop.webhooks.serializers.TypeField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        # An endpoint may still have types of another release.
        return {"type": "string"} | ({"enum": [*sorted({*types(), *all_of_kinds()})]} if direction == "request" else {})


class EndpointSerializer(OptionalNulls, serializers.ModelSerializer):
    """An address to which changes are sent."""

    url = URLField(max_length=500, help_text="`https://`, reachable from the internet.")
    types = serializers.ListField(
        child=TypeField(max_length=60),
        allow_empty=False,
        max_length=MAX_TYPES,
        help_text="Such as `order.paid`, or `order.*` for all of a kind. You need the permission to see the objects.",
    )
    description = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="For staff, such as the system that receives it."
    )
    disabled_reason = serializers.CharField(read_only=True, help_text="Why the shop disabled it, or empty.")
    disabled_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Null while it is enabled.")
    enabled = serializers.BooleanField(
        required=False, help_text="Enabling it again sends what was not delivered before it was disabled."
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "url", "types", "description", "enabled", "disabled_reason", "disabled_at", "created_at"]
        read_only_fields = ["id", "disabled_reason", "disabled_at", "created_at"]

    def validate_types(self, values: list[str]) -> list[str]:
        return list(dict.fromkeys(values))


class SecretSerializer(serializers.Serializer):
    """A new secret."""

    secret = serializers.CharField(help_text="Shown only in this reply: `whsec_` and 32 bytes in Base64.")


class CreatedEndpointSerializer(EndpointSerializer):
    """A new endpoint, with its secret."""

    secret = serializers.CharField(read_only=True, help_text="Shown only in this reply.")

    class Meta(EndpointSerializer.Meta):
        fields = [*EndpointSerializer.Meta.fields, "secret"]


class AttemptSerializer(serializers.Serializer):
    """An attempt to send a message."""

    at = serializers.DateTimeField(help_text="When it ended.")
    status_code = serializers.IntegerField(allow_null=True, help_text="Null without an answer.")
    milliseconds = serializers.IntegerField(help_text="Its duration.")
    error = serializers.CharField(help_text="Why it failed, or empty.")


class DeliverySerializer(serializers.ModelSerializer):
    """A message about a change to an endpoint."""

    message_id = serializers.CharField(help_text="The header `webhook-id`, the same in all attempts.")
    type = serializers.CharField(help_text="Such as `order.paid`.")
    sequence = serializers.IntegerField(help_text="The change's; 0 for a test.")
    status = serializers.ChoiceField(
        choices=WebhookDelivery.Status.choices, help_text="`held` waits for an earlier one of the same object."
    )
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When it succeeded or failed for good, or null.")
    object = serializers.CharField(source="object_id", help_text="As in the feed of changes.")
    next_attempt_at = serializers.SerializerMethodField(help_text="Null if it is finished, or behind another one.")
    attempts = AttemptSerializer(many=True, help_text="The last 20.")

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "message_id",
            "type",
            "object",
            "sequence",
            "status",
            "attempts",
            "next_attempt_at",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: WebhookDelivery) -> Any:
        return delivery.run_at


class DeliveryQuerySerializer(serializers.Serializer):
    status = serializers.ChoiceField(
        choices=WebhookDelivery.Status.choices, required=False, help_text="Only those with this status."
    )
