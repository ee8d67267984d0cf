"""How many units of a variant can be ordered, by its stock policy."""

from django.core.exceptions import ValidationError
from django.db import models

from shop.db.documents import Document


class StockPolicy(models.TextChoices):
    """The stock of any policy is the sum of its movements; only that of DENY is never negative."""

    DENY = "deny", "Sold while in stock"
    BACKORDER = "backorder", "Sold on back-order"
    UNTRACKED = "untracked", "Always sold"


class Availability(models.TextChoices):
    IN_STOCK = "in_stock"
    BACKORDER = "backorder"
    OUT_OF_STOCK = "out_of_stock"


def available_quantity(stock: int, policy: str, backorder_limit: int | None) -> int | None:
    """Return the units that can be ordered, or None if there is no limit."""
    if policy == StockPolicy.DENY:
        return max(stock, 0)
    if policy == StockPolicy.UNTRACKED or backorder_limit is None:
        return None
    return max(stock + backorder_limit, 0)


def availability(stock: int, policy: str, backorder_limit: int | None) -> Availability:
    if available_quantity(stock, policy, backorder_limit) == 0:
        return Availability.OUT_OF_STOCK
    if policy == StockPolicy.BACKORDER and stock <= 0:
        return Availability.BACKORDER
    return Availability.IN_STOCK


def backordered(quantity: int, *, stock: int, policy: str) -> int:
    """Return how many of the units are not in stock yet."""
    return max(0, quantity - max(stock, 0)) if policy == StockPolicy.BACKORDER else 0


def covers(quantity: int) -> Document:
    """Return a filter of variants of which this quantity can be ordered."""
    within_limit = {"$gte": [{"$add": ["$stock", "$backorder_limit"]}, quantity]}
    return {
        "$or": [
            {"stock": {"$gte": quantity}},
            {"stock_policy": StockPolicy.UNTRACKED.value},
            {"stock_policy": StockPolicy.BACKORDER.value, "backorder_limit": None},
            {"stock_policy": StockPolicy.BACKORDER.value, "$expr": within_limit},
        ]
    }


def validate_barcode(barcode: str) -> None:
    """Validate a GTIN of 8, 12, 13 or 14 digits. Source: https://www.gs1.org/services/how-calculate-check-digit-manually"""
    is_code = barcode.isascii() and barcode.isdigit() and len(barcode) in (8, 12, 13, 14)
    digits = [int(digit) for digit in reversed(barcode)] if is_code else []
    if not is_code or sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10:
        raise ValidationError("Enter a GTIN (EAN, UPC) of 8, 12, 13 or 14 digits with its check digit.", code="invalid")
