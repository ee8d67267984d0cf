"""Orders in the admin, by subject."""

from orders.admin import dashboard, orders, terms

__all__ = ["dashboard", "orders", "terms"]
