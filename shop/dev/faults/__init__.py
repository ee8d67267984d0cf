"""Races, crashes and outages against the real shop, and a control that must fail."""
