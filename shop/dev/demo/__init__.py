"""Demo shop: sample data and a scripted walk-through (``manage.py seed``, ``demo``)."""
