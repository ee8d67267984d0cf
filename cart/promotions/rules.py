"""Rules between the fields of a promotion, beyond those of each field."""

from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model

from cart.promotions.models import Promotion
from catalog.models import Category, Collection, Product
from shop import money

Kind, AppliesTo = Promotion.Kind, Promotion.AppliesTo
PERCENTAGES = (Kind.PERCENTAGE, Kind.BUY_X_GET_Y)
MAX_TARGETS = 1_000
# The code of a value that is required because of another field.
MISSING = "missing"
TARGETS: dict[str, type[Model]] = {
    AppliesTo.PRODUCTS: Product,
    AppliesTo.CATEGORIES: Category,
    AppliesTo.COLLECTIONS: Collection,
}


def faults(values: Mapping[str, Any]) -> dict[str, ValidationError]:
    """Return the error of each field; ``values`` lacks those that are invalid by themselves."""
    found: dict[str, ValidationError] = {}
    if values.get("automatic"):
        if not values.get("name"):
            found["name"] = _error("An automatic promotion needs a name, which shoppers see.", MISSING)
    elif "code" in values and not values["code"]:
        found["code"] = _error("Enter a code, or let the promotion apply automatically.", MISSING)
    if kind := values.get("kind"):
        found |= _faults_of_kind(kind, values)
    found |= _faults_of_targets(values)
    first, last = values.get("valid_from"), values.get("valid_until")
    if first and last and last <= first:
        found["valid_until"] = _error("This is before the start.", "order")
    return found


def _faults_of_kind(kind: str, values: Mapping[str, Any]) -> dict[str, ValidationError]:
    found = {}
    if kind != Kind.FREE_SHIPPING and "value" in values:
        value = values["value"]
        if value is None:
            found["value"] = _required()
        elif kind in PERCENTAGES and value > 100:
            found["value"] = _error("At most 100 percent.", "max_value")
        elif kind == Kind.FIXED and value > settings.MAX_PRICE:
            found["value"] = _error(f"At most {settings.MAX_PRICE}.", "max_value")
        elif kind == Kind.FIXED and value % (step := money.smallest_step(settings.CURRENCY)):
            found["value"] = _error(f"Must be a multiple of {step}, the smallest amount that can be charged.", "step")
    if kind == Kind.BUY_X_GET_Y:
        names = ("buy_quantity", "get_quantity")
        found |= {name: _required() for name in names if name in values and not values[name]}
    return found


def _faults_of_targets(values: Mapping[str, Any]) -> dict[str, ValidationError]:
    applies_to, targets = values.get("applies_to"), values.get("targets")
    if applies_to in TARGETS and targets is not None and not targets:
        kinds = TARGETS[applies_to]._meta.verbose_name_plural
        return {"targets": _error(f"Choose at least one of the {kinds}.", MISSING)}
    if applies_to == AppliesTo.TAGS and "tags" in values and not values["tags"]:
        return {"tags": _error("Enter at least one tag.", MISSING)}
    return {}


def completed(values: Mapping[str, Any], *, former: Promotion) -> dict[str, Any]:
    """Return the fields that follow from others: the code of an automatic promotion, no value, no targets."""
    found: dict[str, Any] = {}
    if values.get("automatic"):
        # The unique index needs a value.
        found["code"] = former.code if former.automatic and former.code else str(ObjectId()).upper()
    if values.get("kind") == Kind.FREE_SHIPPING:
        found["value"] = 0
    if values.get("applies_to") not in TARGETS:
        found["targets"] = []
    return found


def _required() -> ValidationError:
    return _error("This field is required.", MISSING)


def _error(text: str, code: str) -> ValidationError:
    return ValidationError(text, code=code)
