from collections.abc import Iterable

from accounts.models import User
from accounts.names import names_of_keys
from shop.api.object_ids import parse_object_id


def emails(references: Iterable[str]) -> dict[str, str]:
    """Return e-mail addresses by id, and the names of API keys."""
    ids = {pk for reference in references if (pk := parse_object_id(reference))}
    found = dict(User.objects.filter(pk__in=ids).values_list("pk", "email"))
    return {str(pk): name for pk, name in (found | names_of_keys(ids - found.keys())).items()}
