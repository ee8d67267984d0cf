from orders.admin import dashboard, orders, shipping_and_tax
from orders.reviews import admin as reviews

__all__ = ["dashboard", "orders", "reviews", "shipping_and_tax"]
