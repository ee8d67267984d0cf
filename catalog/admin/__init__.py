"""The catalogue in the admin, by subject."""

from catalog.admin import categories, dashboard, products, stock

__all__ = ["categories", "dashboard", "products", "stock"]
