"""Base exceptions for all apps.

Services raise :class:`ShopError` subclasses. The API responds with their status and code
(see `shop.api.error_responses`), the admin shows their message.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pymongo import errors as pymongo_errors
from rest_framework import status
from rest_framework.exceptions import APIException

RETRY_AFTER_SECONDS = 2


class Fault(NamedTuple):
    """One entry of an error response; ``attr`` is the dotted path of the input, or None."""

    code: str
    detail: str
    attr: str | None = None


class ShopError(APIException):
    """Base of all expected errors.

    Subclasses set ``status_code``, ``default_code`` and ``default_detail``. Pass ``attr`` to name one input, or
    ``faults`` for several.
    """

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid"
    default_detail = "This cannot be done."

    def __init__(self, detail: str | None = None, *, attr: str | None = None, faults: Iterable[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = list(faults) or [Fault(self.default_code, str(self.detail), attr)]

    def __str__(self) -> str:
        return " ".join(fault.detail for fault in self.faults)


class Conflict(ShopError):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class ServiceUnavailable(ShopError):
    """503: a backing service is unavailable, or a conflict outlasted its retries; the client may retry."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "service_unavailable"
    default_detail = "The shop cannot do this right now. Please try again in a moment."
    wait = RETRY_AFTER_SECONDS


class DatabaseUnavailable(ServiceUnavailable):
    default_code = "database_unavailable"
    default_detail = "The database does not answer right now. Please try again in a moment."


class PayloadTooLarge(ShopError):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "payload_too_large"
    default_detail = "The request body is too large."


# Transient server errors: shutdown, stepdown, no primary, timeout, write conflict.
_PASSING_CODES = frozenset({6, 7, 24, 50, 89, 91, 112, 133, 134, 189, 225, 244, 251, 262, 9001, 10107, 11600, 11602})
_PASSING_CODES |= {13435, 13436}


def is_database_outage(error: BaseException | None) -> bool:
    """Return whether ``error`` or one of its causes is an unavailable, slow or conflicting MongoDB."""
    return any(_is_silence(each) or _passes_by_itself(each) for each in _causes(error))


def is_database_silent(error: BaseException | None) -> bool:
    """Return whether ``error`` or one of its causes is MongoDB not answering in time."""
    return any(map(_is_silence, _causes(error)))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_silence(error: BaseException) -> bool:
    if isinstance(error, DatabaseUnavailable | pymongo_errors.ConnectionFailure | pymongo_errors.ExecutionTimeout):
        return True
    return isinstance(error, pymongo_errors.PyMongoError) and error.timeout


def _passes_by_itself(error: BaseException) -> bool:
    return isinstance(error, pymongo_errors.OperationFailure) and (
        error.code in _PASSING_CODES or error.has_error_label("TransientTransactionError")
    )
