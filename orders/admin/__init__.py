from orders.admin import dashboard, orders, taxes
from orders.reviews import admin as reviews
from orders.shipping import admin as shipping

__all__ = ["dashboard", "orders", "reviews", "shipping", "taxes"]
