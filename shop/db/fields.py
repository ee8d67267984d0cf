"""Model fields for texts that identify something: the same spelling is written and looked up.

Forms, imports, services and the ORM's filters all pass through these fields. Serializers use `shop.api.fields`; raw
queries of `shop.documents` call `shop.identifiers` themselves.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from shop import identifiers

# No key contains a line break.
_SEPARATOR = "\n"


class _Normalized:
    """A mixin for a text field that stores and looks up what ``normalize`` returns."""

    @staticmethod
    def normalize(text: str) -> str:
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return self.normalize(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


class CodeField(_Normalized, models.CharField):
    """A code that is shown as it was typed, such as an SKU."""

    normalize = staticmethod(identifiers.code)


class UpperCodeField(_Normalized, models.CharField):
    """A code in capital letters, whatever case it is typed in."""

    normalize = staticmethod(identifiers.upper_code)


class LowerSlugField(_Normalized, models.SlugField):
    """A slug in small letters, whatever case it is typed in."""

    normalize = staticmethod(identifiers.slug)


class KeyField(models.CharField):
    """The key of the field ``of``, for a unique index that ignores case. Saving the other field writes it.

    A row from before the index may share its key with an older one; its own id then follows the key, until the text
    changes (see :func:`distinct_key`).
    """

    def __init__(self, *, of: str = "", **kwargs: Any) -> None:
        self.of = of
        super().__init__(**{"max_length": 255, "editable": False, "default": "", **kwargs})

    def deconstruct(self) -> tuple[str, str, list, dict]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        found = identifiers.key(getattr(model_instance, self.of))
        if not is_distinct_key(getattr(model_instance, self.attname), found):
            setattr(model_instance, self.attname, found)
        return getattr(model_instance, self.attname)


def distinct_key(key: str, pk: Any) -> str:
    """Return a key for a row that shares ``key`` with an older one."""
    return f"{key}{_SEPARATOR}{pk}"


def is_distinct_key(stored: str, key: str | None = None) -> bool:
    """Tell whether a stored key was made by :func:`distinct_key`, from ``key`` if that is given."""
    return stored.startswith(f"{key}{_SEPARATOR}") if key is not None else _SEPARATOR in stored


class LabelsField(models.JSONField):
    """A flat object of names and texts, such as ``{"colour": "Red"}``."""

    def to_python(self, value: Any) -> Any:
        return normalized_labels(super().to_python(value))


def normalized_labels(value: Any) -> Any:
    """Return names and texts as they are stored; what is no object of texts is left to validators.

    Raises Django's ``ValidationError`` if two names become one.
    """
    if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        return value
    try:
        return identifiers.labels(value)
    except ValueError as error:
        raise ValidationError(f"“{error}” is there twice.", code="duplicate_name") from error
