"""Sales by day, product, category, country and promotion, from totals of each day."""
