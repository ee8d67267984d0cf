from orders.admin import customer, dashboard, orders, taxes
from orders.invoices import admin as invoices
from orders.reviews import admin as reviews
from orders.shipping import admin as shipping

__all__ = ["customer", "dashboard", "invoices", "orders", "reviews", "shipping", "taxes"]
