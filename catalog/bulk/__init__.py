"""Calls that write up to 1,000 products, prices or stocks, each an atomic change with a result of its own."""
