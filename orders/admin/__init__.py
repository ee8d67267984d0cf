"""Admin for orders and reviews."""

from orders.admin import dashboard, orders, terms
from orders.reviews import admin as reviews

__all__ = ["dashboard", "orders", "reviews", "terms"]
