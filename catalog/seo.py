from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from shop.api.optional_nulls import OptionalNulls
from shop.db.fields import LabelField

LONGEST_TITLE, LONGEST_DESCRIPTION = 200, 500


def seo_title_field() -> LabelField:
    """Empty means that the storefront uses the name."""
    return LabelField("SEO title", max_length=LONGEST_TITLE, blank=True, default="")


def seo_description_field() -> LabelField:
    return LabelField("SEO description", max_length=LONGEST_DESCRIPTION, blank=True, default="")


class SEOSerializer(OptionalNulls):
    extra_schema = {"additionalProperties": False}
    title = serializers.CharField(max_length=LONGEST_TITLE, required=False, allow_blank=True)
    description = serializers.CharField(max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and not data.keys() <= self.fields.keys():
            raise serializers.ValidationError("Only a title and a description.", code="invalid")
        return super().to_internal_value(data)


class EditedSEOSerializer(SEOSerializer):
    """Of an object with the fields of :func:`seo_fields`, with ``source="*"``."""

    title = serializers.CharField(
        source="seo_title",
        max_length=LONGEST_TITLE,
        required=False,
        allow_blank=True,
        help_text="Empty: the storefront uses the name.",
    )
    description = serializers.CharField(
        source="seo_description",
        max_length=LONGEST_DESCRIPTION,
        required=False,
        allow_blank=True,
        help_text="For search results.",
    )


class ShownSEOSerializer(serializers.Serializer):
    """Empty if it is not set."""

    title = serializers.CharField(source="seo_title", read_only=True)
    description = serializers.CharField(source="seo_description", read_only=True)


def seo_fields(seo: dict[str, str]) -> dict[str, Any]:
    """Return the model's fields of a validated :class:`SEOSerializer`."""
    return {f"seo_{name}": text for name, text in seo.items()}
