"""Names of those who changed something: members of staff, and API keys."""

from collections.abc import Iterable

from bson import ObjectId

from accounts.api_keys.models import ApiKey
from accounts.models import User


def names_of(ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
    """Return names by id; deleted accounts have none."""
    keys = set(ids)
    people = User.objects.filter(pk__in=keys).only("name", "email") if keys else ()
    names = {person.pk: person.name or person.email for person in people}
    return names | names_of_keys(keys - names.keys())


def names_of_keys(ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
    keys = list(ids)
    return {key.pk: f"API key {key.name}" for key in ApiKey.objects.filter(pk__in=keys).only("name")} if keys else {}
