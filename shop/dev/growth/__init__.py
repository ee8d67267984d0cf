"""A small shop and one with years of trading, side by side."""
