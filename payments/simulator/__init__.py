"""Stripe at the HTTP level, for the demo, the tests and fault-injection runs.

::

    with StripeSimulator(webhook_url="http://127.0.0.1:8000/payments/webhook/") as simulator:
        client = stripe.StripeClient("sk_test_simulator", base_addresses={"api": simulator.url})

or ``python -m payments.simulator --help``. `ControlPlane` lists what can be made to happen, `cards` whose card does
what. The package needs nothing but the standard library, so that it is up in a moment and cannot share a mistake with
the code that it tests.
"""

from .errors import ApiError
from .simulator import StripeSimulator

__all__ = ["ApiError", "StripeSimulator"]
