from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from django_mongodb_backend.fields import ObjectIdAutoField
from django_mongodb_backend.fields import ObjectIdField as ObjectIdModelField
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field({"type": "string", "pattern": "^[0-9a-f]{24}$", "examples": ["6650c1f2a4b3c2d1e0f9a8b7"]})
class ObjectIdField(serializers.Field):
    default_error_messages = {"invalid_id": "An id must be a string of 24 hexadecimal digits."}

    def to_internal_value(self, data: Any) -> ObjectId:
        if not isinstance(data, str):
            self.fail("invalid_id")
        try:
            return ObjectId(data)
        except InvalidId:
            self.fail("invalid_id")

    def to_representation(self, value: ObjectId) -> str:
        return str(value)


def register_serializer_fields() -> None:
    """Use :class:`ObjectIdField` in every ``ModelSerializer``."""
    mapping = serializers.ModelSerializer.serializer_field_mapping
    mapping[ObjectIdAutoField] = ObjectIdField
    mapping[ObjectIdModelField] = ObjectIdField


def parse_object_id(text: str) -> ObjectId | None:
    return ObjectId(text) if ObjectId.is_valid(text) else None
