"""Error answers of Stripe's API."""

from typing import Any


class ApiError(Exception):
    """Error answer: an HTTP status and the fields of Stripe's ``error`` object.

    Writes before it are kept: a declined confirmation leaves a failed charge and an intent that can be paid again.

    ``executed``: whether the endpoint had begun; only then does Stripe store the answer for an idempotency key.
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
    """Return a 400 of a running endpoint, stored for its idempotency key."""
    return ApiError(400, message, code=code, param=param, **fields)


def malformed(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Return a 400 for invalid parameters, before the endpoint runs: the idempotency key can be used again."""
    return ApiError(400, message, code=code, param=param, executed=False)


def missing(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> ApiError:
    """Return the error for an unknown id: 404 if it is in the URL, 400 in a parameter."""
    return ApiError(status, f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


def unexpected_state(message: str, intent: dict[str, Any]) -> ApiError:
    """Return the error for a PaymentIntent whose status forbids the action; it includes the intent."""
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=intent)
