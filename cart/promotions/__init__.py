"""Promotions: automatic discounts, and those by a code (coupons)."""
