from typing import Any

from django.core.management.commands import flush
from django.db import connections
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

# Written by migrations; Django's command takes 0.1 s to re-create them.
KEPT_COLLECTIONS = {"django_migrations", "django_content_type", "auth_permission"}


class Command(flush.Command):
    """Without a question, which is how tests clean up, delete only what there is."""

    def handle(self, **options: Any) -> None:
        if options["interactive"]:
            super().handle(**options)
            return
        # Majority reads miss the latest writes of lower concern.
        database = connections[options["database"]].database.with_options(read_concern=ReadConcern("local"))
        for name in filled_collections(database):
            database[name].delete_many({})


def filled_collections(database: Database) -> list[str]:
    """Return the names of collections with documents, except those that are kept."""
    names = [
        name
        for name in database.list_collection_names(filter={"type": "collection"})
        if name not in KEPT_COLLECTIONS and not name.startswith("system.")
    ]
    if not names:
        return []

    def one_of(name: str) -> list[dict[str, Any]]:
        return [{"$limit": 1}, {"$project": {"_id": 0, "collection": {"$literal": name}}}]

    first, *others = names
    union = [{"$unionWith": {"coll": name, "pipeline": one_of(name)}} for name in others]
    return [row["collection"] for row in database[first].aggregate([*one_of(first), *union])]
