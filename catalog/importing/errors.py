from shop.api.errors import Conflict, ShopError


class FileRefused(ShopError):
    default_code = "file_refused"
    default_detail = "This file cannot be read."


class BadCell(Exception):
    """A cell has an invalid value."""

    def __init__(self, detail: str, *, code: str = "invalid") -> None:
        super().__init__(detail)
        self.code = code


class TooManyColumns(ShopError):
    default_code = "too_many_columns"
    default_detail = "These products have more attributes and options than a file has columns. Export fewer products."


class TooLargeForXLSX(ShopError):
    default_code = "too_large_for_xlsx"
    default_detail = "This is more than an XLSX file can contain. Export it as CSV."


class NotConfirmable(Conflict):
    default_code = "not_confirmable"
    default_detail = "This import is not waiting to be confirmed."


class PreviewTooOld(Conflict):
    default_code = "preview_too_old"
    default_detail = "The catalog has probably changed since this file was checked. Upload it again."
