"""Messages for errors."""

from django.db.models import ProtectedError
from django.forms import BaseForm

from shop.api.errors import ShopError
from shop.db.mongodb import violated_fields


def sentence(error: Exception) -> str:
    if isinstance(error, ShopError):
        return str(error)
    if isinstance(error, ProtectedError):
        return "Something else still needs this, so it cannot be deleted."
    if fields := violated_fields(error):
        return f"Somebody has just taken this {' and '.join(sorted(fields))}: choose another."
    return "Somebody has just saved something that does not go with this. Look at it again."


def add_refusal(form: BaseForm, error: Exception) -> None:
    """Add the error at the fields that it names."""
    for fault in getattr(error, "faults", None) or [None]:
        known = fault is not None and fault.attr in form.fields
        form.add_error(fault.attr if known else None, fault.detail if fault is not None else sentence(error))
