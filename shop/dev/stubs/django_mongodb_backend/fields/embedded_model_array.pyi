from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Field
from django_mongodb_backend.models import EmbeddedModel

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)
_Model = TypeVar("_Model", bound=EmbeddedModel)

class EmbeddedModelArrayField(Field[_ST, _GT]):
    embedded_model: type[EmbeddedModel]
    def __init__(
        self: EmbeddedModelArrayField[Sequence[_Model], list[_Model]], embedded_model: type[_Model], **kwargs: Any
    ) -> None: ...
