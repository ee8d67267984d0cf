from datetime import datetime

from bson import ObjectId
from django.db.models import Q

# Seconds. An id is made within a request of the time that the row states.
_SLACK = 300
_LATEST = 2**32 - 1


def created_between(first: datetime | None = None, last: datetime | None = None) -> Q:
    """Match ids made in this time or a few minutes around it: filter by the field of the time, too.

    The ids must be ``ObjectId``, which start with the second of their creation.
    """
    return Q(**{f"pk__{operator.removeprefix('$')}": pk for operator, pk in ids_between(first, last).items()})


def ids_between(first: datetime | None, last: datetime | None) -> dict[str, ObjectId]:
    """Return MongoDB's condition, see :func:`created_between`."""
    limits = {}
    if first:
        limits["$gte"] = _id_at(first.timestamp() - _SLACK, fill="0")
    if last:
        limits["$lte"] = _id_at(last.timestamp() + _SLACK, fill="f")
    return limits


def _id_at(timestamp: float, *, fill: str) -> ObjectId:
    second = max(0, min(int(timestamp), _LATEST))
    return ObjectId(f"{second:08x}" + fill * 16)
