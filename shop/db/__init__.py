"""The database: time limits, the backend with its corrections, model fields."""
