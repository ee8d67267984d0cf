from typing import Any

from django.core.management.commands import flush
from django.db import connections
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shop.dev.testing.writes import possibly_filled_collections


class Command(flush.Command):
    """Without a question, which is how tests clean up, delete only what there is."""

    def handle(self, **options: Any) -> None:
        if options["interactive"]:
            super().handle(**options)
            return
        # Majority reads miss the latest writes of lower concern.
        database = connections[options["database"]].database.with_options(read_concern=ReadConcern("local"))
        names = possibly_filled_collections(database, forget=True)
        # Once the last deletion has reached the majority, all have.
        for name in names[:-1]:
            database.get_collection(name, write_concern=WriteConcern(w=1)).delete_many({})
        for name in names[-1:]:
            database[name].delete_many({})
