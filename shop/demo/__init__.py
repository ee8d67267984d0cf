"""The demo shop: what it sells, to whom, and a walk through it that anybody can watch (`manage.py seed`, `demo`)."""
