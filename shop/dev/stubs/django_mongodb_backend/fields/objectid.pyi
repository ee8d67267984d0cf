from typing import TypeVar

from bson import ObjectId
from django.db.models import Field
from django.db.models.expressions import Combinable

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)

class ObjectIdField(Field[_ST, _GT]):
    _pyi_private_set_type: Combinable | ObjectId | str
    _pyi_private_get_type: ObjectId
    _pyi_lookup_exact_type: ObjectId | str
