from typing import Any


class ApiError(Exception):
    """An answer with Stripe's ``error`` object. Earlier writes, such as a failed charge, are kept.

    ``executed``: the endpoint had begun, so the idempotency key stores the answer.
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
    """Return a 400 that the idempotency key stores."""
    return ApiError(400, message, code=code, param=param, **fields)


def malformed(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Return a 400 that leaves the idempotency key unused."""
    return ApiError(400, message, code=code, param=param, executed=False)


def missing(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> ApiError:
    """404 for an id in the URL, 400 in a parameter."""
    return ApiError(status, f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


def unexpected_state(message: str, intent: dict[str, Any]) -> ApiError:
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=intent)
