"""Database: time limits, the patched backend, model fields."""
