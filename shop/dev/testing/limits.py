from django.db import connection
from pymongo.read_concern import ReadConcern
from rest_framework.test import APIClient

from shop.api.counters import RateWindow

LOGIN = "/api/v1/auth/login/"


def counts() -> int:
    """Return the number of counts in MongoDB, with those that not every member of the replica set has yet."""
    local = connection.database.with_options(read_concern=ReadConcern("local"))
    return local[RateWindow._meta.db_table].count_documents({})


def log_in(email: str, password: str = "wrong", **headers: str) -> int:  # noqa: S107
    return APIClient().post(LOGIN, {"email": email, "password": password}, **headers).status_code
