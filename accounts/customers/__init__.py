"""Customers, as staff see and deactivate them."""
