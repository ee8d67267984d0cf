"""Stripe simulator at the HTTP level, for the demo, tests and fault-injection runs.

::

    with StripeSimulator(webhook_url="http://127.0.0.1:8000/payments/webhook/") as simulator:
        client = stripe.StripeClient("sk_test_simulator", base_addresses={"api": simulator.url})

or ``python -m shop.dev.stripe_simulator --help``. `ControlPlane` lists the actions, `cards` the test payment methods.
The package uses the standard library only, so that it starts fast and shares no bugs with the code under test.
"""

from .errors import ApiError
from .simulator import StripeSimulator

__all__ = ["ApiError", "StripeSimulator"]
