from typing import Any

from bson import ObjectId
from django.db.models import AutoField
from django.db.models.expressions import Combinable

class ObjectIdAutoField(AutoField[Any, Any]):
    _pyi_private_set_type: Combinable | ObjectId | str
    _pyi_private_get_type: ObjectId
    _pyi_lookup_exact_type: ObjectId | str
