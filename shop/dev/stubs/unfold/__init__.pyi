# What the shop uses of django-unfold, which has no types.
