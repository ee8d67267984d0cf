"""django-mongodb-backend with a time limit around each driver call of a request (see `shop.db.deadline`)."""
