"""What can be wrong with a file and with an import."""

from shop.errors import Conflict, ShopError


class FileRefused(ShopError):
    """The file cannot be read at all, or not as a list of variants."""

    default_code = "file_refused"
    default_detail = "This file cannot be read."


class BadCell(Exception):
    """A cell does not hold what its column takes; the message says what that is."""


class TooManyColumns(ShopError):
    default_code = "too_many_columns"
    default_detail = "These products have more attributes and options than a file has columns: export fewer at once."


class NotConfirmable(Conflict):
    default_code = "not_confirmable"
    default_detail = "This import is not waiting to be confirmed."


class PreviewTooOld(Conflict):
    default_code = "preview_too_old"
    default_detail = "The catalogue has probably changed since this file was checked: upload it again."
