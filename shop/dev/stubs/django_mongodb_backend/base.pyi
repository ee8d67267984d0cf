from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

class DatabaseWrapper(BaseDatabaseWrapper):
    connection: MongoClient[dict[str, Any]]
    session: ClientSession | None
    in_atomic_block_mongo: bool
    nested_atomics: int
    @property
    def database(self) -> Database[dict[str, Any]]: ...
    def get_database(self) -> Database[dict[str, Any]]: ...
    def get_collection(self, name: str, **kwargs: Any) -> Collection[dict[str, Any]] | Any: ...
