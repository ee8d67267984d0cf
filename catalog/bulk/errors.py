from shop.api.errors import Conflict, ServiceUnavailable, ShopError


class RowNotProcessed(ServiceUnavailable):
    """The request ran out of time."""

    default_code = "not_processed"
    default_detail = "There was no time left for this row. Send it again."


class DuplicateRow(ShopError):
    default_code = "duplicate_row"
    default_detail = "An earlier row of the call is about the same object."


class AmbiguousRow(ShopError):
    default_code = "ambiguous"
    default_detail = "The row may mean several objects."


class UnknownRow(ShopError):
    default_code = "does_not_exist"
    default_detail = "There is no such object."


class RowChangedConcurrently(Conflict):
    default_code = "conflict"
    default_detail = "It was changed by someone else at the same time."
