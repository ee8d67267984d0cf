"""Races, crashes and outages against the real shop over HTTP (``manage.py torture``).

`world` runs MongoDB, the Stripe simulator, server processes and workers; `buyers` are HTTP clients; `books` reads the
database; `scenarios` are the tests; `naive` is the control that must fail; `report` renders the table.
"""
