"""django-mongodb-backend with time limits (see `shop.db.deadline`)."""
