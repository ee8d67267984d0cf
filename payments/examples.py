"""Requests and replies that the API documentation shows."""

from drf_spectacular.utils import OpenApiExample

PAYMENT_BODY = OpenApiExample(
    "An order",
    request_only=True,
    value={"order": "7KQ2M-X94TB"},
)
PAYMENT_REPLY = OpenApiExample(
    "A new payment",
    response_only=True,
    status_codes=["201"],
    value={
        "id": "6650c1f2a4b3c2d1e0f9a8b6",
        "order": "7KQ2M-X94TB",
        "payment_intent": "pi_3Qxample",
        "client_secret": "pi_3Qxample_secret_…",
        "customer_session_client_secret": "cuss_secret_…",
        "publishable_key": "pk_test_…",
        "amount": 7548,
        "currency": "usd",
        "status": "requires_payment_method",
    },
)
REFUND_BODY = OpenApiExample(
    "A unit of a line, back in stock",
    request_only=True,
    value={"lines": [{"line": "6650c1f2a4b3c2d1e0f9a8b5", "quantity": 1, "restock": True}], "reason": "Too small"},
)
REFUND_REPLY = OpenApiExample(
    "A refund that Stripe has not confirmed",
    response_only=True,
    value={"id": "6650c1f2a4b3c2d1e0f9a8c1", "refund": "re_3Qxample", "amount": "24.00", "status": "pending"},
)
