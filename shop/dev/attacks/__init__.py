"""Slow, costly and numerous requests against a server in production mode (``manage.py attack``).

Bystanders in another process use the shop like customers and Stripe; their latencies and refusals before and during
each attack are the result.
"""
