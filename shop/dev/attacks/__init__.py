"""Attacks by slow, costly and numerous requests on a server in production mode (``manage.py attack``).

Bystanders, in a process of their own, use the shop like customers and Stripe do; their latency and refusals before and
during each attack are the result.
"""
