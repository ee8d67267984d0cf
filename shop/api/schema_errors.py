"""Errors in the OpenAPI description: one response for each status and set of codes, shared by operations."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from rest_framework.settings import api_settings

from shop.api.errors import ServiceUnavailable

JSON = "application/json"
CODE = "For programs."
# Removed when errors are shared.
OWN_CODES = "x-own-codes"
RETRY_AFTER = {
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before the next request."}
}
# Of fields, bodies, parameters and headers, whatever the operation.
INVALID_INPUT = (
    "ambiguous",
    "blank",
    "date",
    "datetime",
    "does_not_exist",
    "duplicate",
    "empty",
    "incomplete_body",
    "incorrect_type",
    "invalid",
    "invalid_choice",
    "invalid_id",
    "invalid_idempotency_key",
    "invalid_tax_id",
    "make_aware",
    "max_decimal_places",
    "max_digits",
    "max_length",
    "max_string_length",
    "max_value",
    "max_whole_digits",
    "min_length",
    "min_value",
    "no_name",
    "not_a_dict",
    "not_a_list",
    "null",
    "null_characters_not_allowed",
    "out_of_range",
    "overflow",
    "parse_error",
    "required",
    "surrogate_characters_not_allowed",
    "too_many",
    "unique",
    "unknown_filter",
)


class Status(NamedTuple):
    name: str
    meaning: str
    # Of every operation that may answer with this status.
    codes: tuple[str, ...] = ()


STATUSES = {
    400: Status("InvalidRequest", "Invalid request.", INVALID_INPUT),
    401: Status(
        "NotAuthenticated",
        "Not authenticated: the token or API key is missing, invalid or expired.",
        ("not_authenticated",),
    ),
    403: Status(
        "PermissionDenied",
        "Permission denied: requires staff, or an API key, with the permission; keys have no account.",
        ("permission_denied",),
    ),
    404: Status("NotFound", "Not found, or it belongs to another user.", ("not_found",)),
    409: Status("Conflict", "Conflict with the current state."),
    410: Status("Gone", "No longer available."),
    422: Status("Unprocessable", "This Idempotency-Key was used for another request."),
    429: Status("TooManyRequests", "Too many requests.", ("throttled",)),
    503: Status(
        "ServiceUnavailable",
        "The database, Stripe or the image service is unavailable, or write conflicts outlasted retries. Try again.",
    ),
}
# Of any operation, for its method, media types, size or a fault: described by the default response.
OTHERS = {
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    500: "error",
}
OTHER = "OtherError"
OTHER_MEANING = (
    "405 method not allowed, 406 not acceptable (responses are JSON), 408 the body did not arrive in time, 413 the "
    "body is too large, 415 unsupported media type, 500 internal server error."
)
MEANINGS = {status: each.meaning for status, each in STATUSES.items()}

ERROR_SCHEMAS: dict[str, dict[str, Any]] = {
    "ErrorDetail": {"type": "string", "description": "For people."},
    "ErrorAttr": {
        "type": ["string", "null"],
        "description": "The dotted path of the invalid input, such as `items.0.quantity`, or null.",
    },
    "InputErrorCode": {
        "type": "string",
        "enum": list(INVALID_INPUT),
        "description": "Codes of input that is invalid whatever the state of the shop.",
    },
}


def error_response(status: int, own: Iterable[str], *, usual: bool) -> dict[str, Any]:
    """Describe the errors of an operation with this status: its ``own`` codes, and if ``usual`` those of all."""
    codes = [*dict.fromkeys(own)]
    kinds = (
        ["validation_error", "client_error"] if status == 400 else [f"{'server' if status >= 500 else 'client'}_error"]
    )
    named = ", ".join(f"`{code}`" for code in codes)
    meaning = STATUSES[status].meaning
    return {
        "content": {JSON: {"schema": _body(kinds, _code(status, codes, usual=usual))}},
        "description": f"{meaning} Possible codes: {named}." if named else meaning,
        OWN_CODES: codes,
    } | ({"headers": RETRY_AFTER} if status in (429, 503) else {})


def _code(status: int, own: list[str], *, usual: bool) -> dict[str, Any]:
    if status != 400 or not usual:
        return _enum([*dict.fromkeys([*(_codes_of_all(status) if usual else ()), *own])])
    shared = {"$ref": "#/components/schemas/InputErrorCode"}
    extra = [code for code in own if code not in INVALID_INPUT]
    return {"anyOf": [shared, {"type": "string", "enum": extra}], "description": CODE} if extra else shared


def _enum(codes: list[str]) -> dict[str, Any]:
    return {"type": "string", "enum": codes, "description": CODE}


def _body(kinds: list[str], code: dict[str, Any]) -> dict[str, Any]:
    error = {
        "code": code,
        "detail": {"$ref": "#/components/schemas/ErrorDetail"},
        "attr": {"$ref": "#/components/schemas/ErrorAttr"},
    }
    return {
        "type": "object",
        "required": ["type", "errors"],
        "properties": {
            "type": {"type": "string", "enum": kinds, "description": "The kind of error."},
            "errors": {
                "type": "array",
                "minItems": 1,
                "description": "One entry for each invalid input.",
                "items": {"type": "object", "required": list(error), "properties": error},
            },
        },
    }


def _codes_of_all(status: int) -> Iterable[str]:
    if status == 503:
        return sorted({each.default_code for each in _subclasses_of(ServiceUnavailable)})
    codes = STATUSES[status].codes
    if status == 401:
        authenticators = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        return [*codes, *chain.from_iterable(getattr(each, "error_codes", ()) for each in authenticators)]
    return codes


def _subclasses_of(error: type[ServiceUnavailable]) -> Iterator[type[ServiceUnavailable]]:
    yield error
    for each in error.__subclasses__():
        yield from _subclasses_of(each)


def share_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Move errors to ``components.responses``, and add the default response."""
    body = _body(["client_error", "server_error"], _enum([*OTHERS.values()]))
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestID"}}
    shared: dict[str, Any] = {
        OTHER: {"description": OTHER_MEANING, "content": {JSON: {"schema": body}}, "headers": headers}
    }
    for methods in result["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if int(status) < 400:
                    continue
                name = _name(operation["operationId"], int(status), response.pop(OWN_CODES))
                if shared.setdefault(name, response) != response:
                    raise ValueError(f"Two different responses are named {name}.")
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
            operation["responses"]["default"] = {"$ref": f"#/components/responses/{OTHER}"}
    result["components"]["schemas"] |= ERROR_SCHEMAS
    result["components"]["responses"] = dict(sorted(shared.items()))
    return result


def _name(operation: str, status: int, codes: list[str]) -> str:
    """Return a name that stays when operations are added: by codes, or that of the operation if there are many."""
    about = STATUSES[status].name
    if len(codes) > 2:
        return f"{operation[:1].upper()}{operation[1:]}{about}"
    return about + "".join(map(_pascal, codes))


def _pascal(code: str) -> str:
    return "".join(word.title() for word in code.split("_"))
