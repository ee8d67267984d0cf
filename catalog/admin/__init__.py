"""The catalogue in the admin, by subject."""

from catalog.admin import categories, imports, products, stock

__all__ = ["categories", "imports", "products", "stock"]
