from collections.abc import Iterable

from accounts.models import User
from shop.api.object_ids import parse_object_id


def emails(references: Iterable[str]) -> dict[str, str]:
    ids = {pk for reference in references if (pk := parse_object_id(reference))}
    return {str(pk): email for pk, email in User.objects.filter(pk__in=ids).values_list("pk", "email")}
