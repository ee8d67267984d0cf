# What the shop uses of django-mongodb-backend, which has no types: above all, that primary keys are ObjectIds.
