"""django-mongodb-backend with a time limit per driver call of a request (see `shop.db.deadline`)."""
