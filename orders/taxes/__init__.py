"""Taxes by class and place: from the shop's table of rates, or from a provider."""
