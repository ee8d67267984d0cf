"""The catalogue in the admin, by subject."""

from catalog.admin import categories, products, stock

__all__ = ["categories", "products", "stock"]
