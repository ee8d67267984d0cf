from datetime import datetime, timedelta

from bson import ObjectId
from django.db.models import Q

# An id is made within a request of the time that the row states.
_SLACK = timedelta(minutes=5)
_LATEST = 2**32 - 1


def created_between(first: datetime | None = None, last: datetime | None = None) -> Q:
    """Match ids made in this time or a few minutes around it: filter by the field of the time, too.

    The ids must be ``ObjectId``, which start with the second of their creation.
    """
    condition = Q()
    if first:
        condition &= Q(pk__gte=_id_at(first - _SLACK, fill="0"))
    if last:
        condition &= Q(pk__lte=_id_at(last + _SLACK, fill="f"))
    return condition


def _id_at(moment: datetime, *, fill: str) -> ObjectId:
    second = max(0, min(int(moment.timestamp()), _LATEST))
    return ObjectId(f"{second:08x}" + fill * 16)
