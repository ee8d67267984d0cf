"""People behind the ids that the ledger of stock and the imports note as text."""

from collections.abc import Iterable

from accounts.models import User
from shop.object_ids import parse_object_id


def emails(references: Iterable[str]) -> dict[str, str]:
    """Return the addresses of those references that are people's ids, with one command."""
    ids = {pk for reference in references if (pk := parse_object_id(reference))}
    return {str(pk): email for pk, email in User.objects.filter(pk__in=ids).values_list("pk", "email")} if ids else {}
