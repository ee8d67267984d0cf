from typing import Any, Literal, TypeVar, overload

from django.db.models import Field
from django_mongodb_backend.models import EmbeddedModel

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)
_Model = TypeVar("_Model", bound=EmbeddedModel)

class EmbeddedModelField(Field[_ST, _GT]):
    embedded_model: type[EmbeddedModel]
    @overload
    def __init__(
        self: EmbeddedModelField[_Model | None, _Model | None],
        embedded_model: type[_Model],
        *,
        null: Literal[True],
        **kwargs: Any,
    ) -> None: ...
    @overload
    def __init__(self: EmbeddedModelField[_Model, _Model], embedded_model: type[_Model], **kwargs: Any) -> None: ...
