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
    condition = Q()
    if first:
        condition &= Q(pk__gte=_id_at(first.timestamp() - _SLACK, fill="0"))
    if last:
        condition &= Q(pk__lte=_id_at(last.timestamp() + _SLACK, fill="f"))
    return condition


def _id_at(timestamp: float, *, fill: str) -> ObjectId:
    second = max(0, min(int(timestamp), _LATEST))
    return ObjectId(f"{second:08x}" + fill * 16)
