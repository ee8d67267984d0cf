from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Field
from django.db.models.expressions import Combinable

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)

class ArrayField(Field[_ST, _GT]):
    _pyi_private_set_type: Sequence[Any] | Combinable
    _pyi_private_get_type: list[Any]
    base_field: Field[Any, Any]
    def __init__(self, base_field: Field[Any, Any], max_size: int | None = None, **kwargs: Any) -> None: ...
