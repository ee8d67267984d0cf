"""Fields that hold text."""

from collections.abc import Iterator

from django.apps import apps
from django.db import models
from django_mongodb_backend.fields import ArrayField, EmbeddedModelArrayField, EmbeddedModelField
from django_mongodb_backend.models import EmbeddedModel

TEXTS = (models.CharField, models.TextField, models.JSONField, models.BinaryField, models.FileField)


def text_fields(model: type[models.Model], prefix: str = "") -> Iterator[str]:
    """Every field of a model that can hold text, those of embedded models included, by its path."""
    prefix = prefix or model._meta.label_lower
    for field in model._meta.concrete_fields:
        if isinstance(field, EmbeddedModelField | EmbeddedModelArrayField):
            inner = field if isinstance(field, EmbeddedModelField) else field.base_field
            yield from text_fields(inner.embedded_model, f"{prefix}.{field.name}")
        elif isinstance(field.base_field if isinstance(field, ArrayField) else field, TEXTS):
            yield f"{prefix}.{field.name}"


def stored_models() -> list[type[models.Model]]:
    return [each for each in apps.get_models(include_auto_created=True) if not issubclass(each, EmbeddedModel)]
