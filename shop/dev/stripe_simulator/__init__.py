"""Simulator of Stripe's HTTP API for the demo, tests and fault runs; standard library only.

::

    with StripeSimulator(webhook_url="http://127.0.0.1:8000/payments/webhook/") as simulator:
        client = stripe.StripeClient("sk_test_simulator", base_addresses={"api": simulator.url})
"""

from .errors import ApiError
from .simulator import StripeSimulator

__all__ = ["ApiError", "StripeSimulator"]
