from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pymongo import errors as pymongo_errors
from rest_framework import status
from rest_framework.exceptions import APIException

RETRY_AFTER_SECONDS = 2


class Fault(NamedTuple):
    """``attr`` is the dotted path of the input."""

    code: str
    detail: str
    attr: str | None = None


class ShopError(APIException):
    """``attr`` names one input; ``faults`` lists several errors."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    default_code = "invalid"
    default_detail = "The request cannot be fulfilled."

    def __init__(self, detail: str | None = None, *, attr: str | None = None, faults: Iterable[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = list(faults) or [Fault(self.default_code, str(self.detail), attr)]

    def __str__(self) -> str:
        return " ".join(fault.detail for fault in self.faults)


class Conflict(ShopError):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class TooManyRequests(ShopError):
    """Ask the client to retry after ``wait`` seconds."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_requests"

    def __init__(self, *, wait: int) -> None:
        super().__init__()
        self.wait = wait


class ServiceUnavailable(ShopError):
    """503; the client may retry."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "service_unavailable"
    default_detail = "The shop is temporarily unavailable. Try again in a moment."
    wait = RETRY_AFTER_SECONDS


class DatabaseUnavailable(ServiceUnavailable):
    default_code = "database_unavailable"
    default_detail = "The database is unavailable. Try again in a moment."


class PayloadTooLarge(ShopError):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "payload_too_large"
    default_detail = "The request body is too large."


# Transient server errors: shutdown, stepdown, no primary, timeout, write conflict, a transaction that took too long.
_TRANSIENT_CODES = frozenset({6, 7, 24, 50, 89, 91, 112, 133, 134, 189, 225, 244, 251, 262, 290, 9001, 10107, 11600})
_TRANSIENT_CODES |= {11602, 13435, 13436}


def is_database_outage(error: BaseException | None) -> bool:
    """Return whether ``error`` comes from an unavailable, slow or conflicting MongoDB."""
    return any(_is_unresponsive(each) or _is_transient(each) for each in _causes(error))


def is_database_unresponsive(error: BaseException | None) -> bool:
    """Return whether ``error`` comes from MongoDB not answering in time."""
    return any(map(_is_unresponsive, _causes(error)))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_unresponsive(error: BaseException) -> bool:
    if isinstance(error, DatabaseUnavailable | pymongo_errors.ConnectionFailure | pymongo_errors.ExecutionTimeout):
        return True
    return isinstance(error, pymongo_errors.PyMongoError) and error.timeout


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, pymongo_errors.OperationFailure) and (
        error.code in _TRANSIENT_CODES or error.has_error_label("TransientTransactionError")
    )
