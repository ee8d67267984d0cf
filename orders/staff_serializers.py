"""Fields of orders for staff only."""

from typing import Any

from bson import ObjectId
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.tags import LONGEST_TAG, MAX_TAGS, validate_tags
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.db.fields import normalized_tags


class StaffOnlyFieldsMixin(serializers.Serializer):
    # No docstring: descriptions would inherit it. Without `internal` in the context these are omitted.
    staff_only: tuple[str, ...] = ()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if not self.context.get("internal"):
            for name in self.staff_only:
                del shown[name]
        return shown


class StaffMemberSerializer(serializers.Serializer):
    id = ObjectIdField()
    name = serializers.CharField(help_text="Empty once the account is deleted.")


@extend_schema_field(StaffMemberSerializer)
class StaffField(serializers.Field):
    """An account, with its name from ``staff`` in the context."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: ObjectId) -> dict[str, str]:
        return {"id": str(value), "name": self.context.get("staff", {}).get(value, "")}


class NoteSerializer(serializers.Serializer):
    id = ObjectIdField(source="key")
    at = serializers.DateTimeField()
    text = serializers.CharField(help_text="Empty once the customer's data is erased.")
    staff = StaffField()


class AddNoteSerializer(OptionalNulls):
    text = serializers.CharField(max_length=2000, help_text="Shown to staff only.")


class OrderTagsField(serializers.ListField):
    """Stored in lower case, each once."""

    child = serializers.CharField(max_length=LONGEST_TAG)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_TAGS, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        tags: list[str] = normalized_tags(super().to_internal_value(data))
        try:
            validate_tags(tags)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from error
        return tags
