"""Shipping methods, and their prices by zone."""
