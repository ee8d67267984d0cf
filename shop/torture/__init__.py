"""Races, crashes, outages and lost answers against the real shop over HTTP: ``manage.py torture``.

`world` is what runs (MongoDB, Stripe's simulator, server processes, workers), `buyers` who uses it, `books` what must
be in the database afterwards, `scenarios` what happens, `naive` the control that must fail, `report` the table.
"""
