from django.db.models import ProtectedError
from django.forms import BaseForm

from shop.api.errors import ShopError
from shop.db.mongodb import violated_fields


def error_message(error: Exception) -> str:
    if isinstance(error, ShopError):
        return str(error)
    if isinstance(error, ProtectedError):
        return "Other objects reference this, so it cannot be deleted."
    if fields := violated_fields(error):
        return f"This {' and '.join(sorted(fields))} is already in use. Choose another."
    return "This conflicts with a change that was saved just now. Review it and try again."


def add_refusal(form: BaseForm, error: Exception) -> None:
    for fault in getattr(error, "faults", None) or [None]:
        known = fault is not None and fault.attr in form.fields
        form.add_error(fault.attr if known else None, fault.detail if fault is not None else error_message(error))
