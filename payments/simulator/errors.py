"""Stripe's errors: what the API answers when it does not do what was asked."""

from typing import Any


class ApiError(Exception):
    """An error answer: an HTTP status and the fields of Stripe's ``error`` object.

    It is an answer, not a failure of the simulator: what an endpoint wrote before raising stays (a declined
    confirmation leaves a failed charge and an intent that can be paid again).

    ``executed`` says whether the endpoint had begun; Stripe keeps an answer for an idempotency key only then.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        error_type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.error: dict[str, Any] = {"message": message, "type": error_type}
        if code:
            self.error["code"] = code
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        if param:
            self.error["param"] = param
        self.error.update(fields)


def invalid(message: str, *, param: str | None = None, code: str | None = None, **fields: Any) -> ApiError:
    """A 400 found while an endpoint was at work, kept for its idempotency key."""
    return ApiError(400, message, code=code, param=param, **fields)


def malformed(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """A 400 found in the parameters before the endpoint began, so that the same key may be used again."""
    return ApiError(400, message, code=code, param=param, executed=False)


def missing(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> ApiError:
    """No object of this kind has this id: 404 when the URL named it, 400 when a parameter did."""
    return ApiError(status, f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


def unexpected_state(message: str, intent: dict[str, Any]) -> ApiError:
    """The PaymentIntent's status forbids this; Stripe shows the intent beside the message."""
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=intent)
