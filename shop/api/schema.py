"""OpenAPI description beyond what drf-spectacular infers."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.plumbing import ResolvedComponent, build_examples_list
from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi_utils import get_error_examples
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.serializers import Field, ListSerializer, Serializer

from shop.api.conditional import ConditionalGetMixin
from shop.api.optional_nulls import OptionalNulls, takes_null
from shop.hooks import Hook

Endpoint = tuple[str, str, str, Any]
# Described by their status alone.
_GENERIC = (NotFound, PermissionDenied, ValidationError)

MEANINGS = {
    400: "Invalid request.",
    401: "Not authenticated: the token or API key is missing, invalid or expired.",
    403: "Permission denied: requires staff, or an API key, with the permission; keys have no account.",
    404: "Not found, or it belongs to another user.",
    405: "Method not allowed.",
    406: "Not acceptable: responses are JSON.",
    408: "The request body did not arrive in time.",
    409: "Conflict with the current state.",
    413: "The request body is too large.",
    415: "Unsupported media type of the request body.",
    422: "This Idempotency-Key was used for another request.",
    429: "Too many requests.",
    500: "Internal server error.",
    503: "The database, Stripe or the image service is unavailable, or write conflicts outlasted retries. Try again.",
}
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "Identifies this response, for `If-None-Match`."}}
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="ETags of responses that the client has cached."
)
RETRY_AFTER = {
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before the next request."}
}


def _error_schema(*types: str) -> dict[str, Any]:
    error = {
        "code": {"type": "string", "description": "For programs."},
        "detail": {"type": "string", "description": "For people."},
        "attr": {"type": ["string", "null"], "description": "The invalid input, such as `items.0.quantity`."},
    }
    return {
        "type": "object",
        "required": ["type", "errors"],
        "properties": {
            "type": {"type": "string", "enum": list(types)},
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "required": list(error), "properties": error},
            },
        },
    }


ERROR_SCHEMAS = {
    "BadRequest": _error_schema("validation_error", "client_error"),
    "ClientError": _error_schema("client_error"),
    "ServerError": _error_schema("server_error"),
}


class AutoSchema(openapi.AutoSchema):
    """Describe errors by one schema per status class, and by the codes that the view declares.

    A view's ``errors`` list, per action, exceptions, codes of validation errors, and hooks that raise.
    """

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_summary(self) -> str | None:
        action = getattr(self.view, getattr(self.view, "action", None) or "", None)
        sentence, _, _ = " ".join((action.__doc__ or "").split()).partition(". ")
        return sentence.rstrip(".") or None

    def get_auth(self) -> list[dict[str, Any]]:
        auth = [*super().get_auth(), *({scheme: []} for scheme in self._of_permissions("security_scheme"))]
        refused = set(chain.from_iterable(each(self.view) for each in self._of_permissions("refused_schemes")))
        auth = [each for each in auth if refused.isdisjoint(each)]
        is_public = self._is_public_read() or any(isinstance(each, AllowAny) for each in self.view.get_permissions())
        return [*auth, {}] if is_public and {} not in auth else auth

    def _of_permissions(self, name: str) -> list[Any]:
        return [getattr(each, name) for each in self.view.get_permissions() if hasattr(each, name)]

    def _is_public_read(self) -> bool:
        return getattr(self.view, "public_reads", False) and self.method in SAFE_METHODS

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        return [*parameters, IF_NONE_MATCH] if self._is_conditional() else parameters

    def _is_conditional(self) -> bool:
        return isinstance(self.view, ConditionalGetMixin) and self.method == "GET"

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        replies = operation["responses"]
        if self._is_conditional():
            replies["200"]["headers"] = ETAG
            replies["304"] = {"description": "Not modified since `If-None-Match`.", "headers": ETAG}
        refusals = self._refusals()
        statuses = [status for status in MEANINGS if status in refusals or self._is_usual(status, operation)]
        errors = {str(status): self._error_reply(status, refusals.get(status, ())) for status in statuses}
        operation["responses"] = errors | replies
        return operation

    def _refusals(self) -> dict[int, list[str]]:
        refusals: dict[int, list[str]] = {}
        declared = getattr(self.view, "errors", {}).get(getattr(self.view, "action", None), ())
        for error in chain.from_iterable(each.errors if isinstance(each, Hook) else [each] for each in declared):
            codes = refusals.setdefault(400 if isinstance(error, str) else error.status_code, [])
            if error not in _GENERIC:
                codes.append(error if isinstance(error, str) else error.default_code)
        return refusals

    def _is_usual(self, status: int, operation: dict[str, Any]) -> bool:
        """Return whether the operation may answer with this status without declaring it."""
        match status:
            case 400:
                return "requestBody" in operation
            case 401:
                return any(operation.get("security", ()))
            case 403:
                for_anyone = all(type(each) is AllowAny for each in self.view.get_permissions())
                return not for_anyone and not self._is_public_read()
            case 408 | 413:
                return self.method in ("POST", "PUT", "PATCH")
            case 409 | 422:
                return False
            case 415:
                return all(parser.media_type != "*/*" for parser in self.view.get_parsers())
            case _:
                return True

    def _error_reply(self, status: int, refusals: Iterable[str]) -> dict[str, Any]:
        kind = "ServerError" if status >= 500 else "BadRequest" if status == 400 else "ClientError"
        content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{kind}"}}
        if examples := [example for example in get_error_examples() if str(status) in (example.status_codes or ())]:
            content["examples"] = build_examples_list(examples)
        codes = ", ".join(f"`{code}`" for code in refusals)
        return {
            "content": dict.fromkeys(self.map_renderers("media_type"), content),
            "description": f"{MEANINGS[status]} Possible codes: {codes}." if codes else MEANINGS[status],
        } | ({"headers": RETRY_AFTER} if status in (429, 503) else {})


def add_field_rules(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add rules of request fields beyond their types and validators, and rules between fields."""
    for name, schema in result["components"]["schemas"].items():
        serializer = generator.registry[name, ResolvedComponent.SCHEMA].object
        if name.endswith("Request") and isinstance(serializer, Serializer):
            properties = schema.get("properties", {})
            for field in properties:
                properties[field] = _described(serializer.fields[field], properties[field])
            schema |= getattr(serializer, "extra_schema", {})
    return result


def _described(field: Field, schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(field, ListSerializer):
        limits = {"minItems": 0 if field.allow_empty else 1, "maxItems": getattr(field, "max_length", None)}
        schema = {**schema, **{name: limit for name, limit in limits.items() if limit}}
    schema = {**schema, **getattr(field, "extra_schema", {})}
    return _or_null(schema) if isinstance(field.parent, OptionalNulls) and takes_null(field) else schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"oneOf": [schema, {"type": "null"}]}


def add_trailing_slashes(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Document each route once."""
    return [(path if path.endswith("/") else f"{path}/", *rest) for path, *rest in endpoints]


REQUEST_ID = {
    "schema": {"type": "string"},
    "description": "The request's id: the value sent as `X-Request-ID`, if it is 8 to 64 letters, digits, "
    "`.`, `_` and `-`; else a new one.",
}


def add_input_rules(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add that text must not contain NUL, and that query parameters may be empty."""
    for methods in result["paths"].values():
        for operation in methods.values():
            _refuse_nul_in_forms(operation, result["components"]["schemas"])
        for parameter in methods.get("get", {}).get("parameters", ()):
            if parameter["in"] == "query":
                parameter["allowEmptyValue"] = True
                if parameter["schema"].get("type") == "string" and "enum" not in parameter["schema"]:
                    parameter["schema"].setdefault("pattern", "^[^\u0000]*$")
    return result


def _refuse_nul_in_forms(operation: dict[str, Any], components: dict[str, Any]) -> None:
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema", {})
    component = components.get(form.get("$ref", "").rpartition("/")[2], form)
    for field in component.get("properties", {}).values():
        if "string" in field.get("type", ()) and not {"format", "contentMediaType", "enum"} & field.keys():
            field.setdefault("pattern", "^[^\u0000]*$")


def add_errors_and_headers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Also add headers of all responses."""
    result["components"]["schemas"] |= ERROR_SCHEMAS
    result["components"]["headers"] = {"RequestID": REQUEST_ID}
    for methods in result["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                of_all = {"X-Request-ID": {"$ref": "#/components/headers/RequestID"}}
                response["headers"] = response.get("headers", {}) | of_all
    return result
