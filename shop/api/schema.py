"""OpenAPI description beyond what drf-spectacular infers: its operations."""

import re
from itertools import chain
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotAuthenticated, NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import SAFE_METHODS, AllowAny

from shop.api.conditional import ConditionalGetMixin
from shop.api.glossary import GLOSSARY, PATH_PARAMETERS
from shop.api.schema_errors import MEANINGS, error_response
from shop.api.schema_fields import length_limits
from shop.hooks import Hook

Endpoint = tuple[str, str, str, Any]
# Described by their status alone.
_GENERIC = (NotAuthenticated, NotFound, PermissionDenied, ValidationError)

ETAG = {"ETag": {"schema": {"type": "string"}, "description": "Identifies this response, for `If-None-Match`."}}
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="ETags of responses that the client has cached."
)


class AutoSchema(openapi.AutoSchema):
    """Describe operations by what the view declares.

    A view's ``operation_ids`` name its actions. Its ``errors`` list, per action, exceptions, codes of validation
    errors, and hooks that raise. Its ``security_schemes`` are accepted in place of an account.
    """

    def get_operation_id(self) -> str:
        named = getattr(self.view, "operation_ids", {}).get(getattr(self.view, "action", None))
        return named or super().get_operation_id()

    def get_tags(self) -> list[str]:
        tag = getattr(self.view, "tags", {}).get(getattr(self.view, "action", None))
        return [tag or self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_summary(self) -> str | None:
        action = getattr(self.view, getattr(self.view, "action", None) or "", None)
        sentence, _, _ = " ".join((action.__doc__ or "").split()).partition(". ")
        return sentence.rstrip(".") or None

    def get_auth(self) -> list[dict[str, Any]]:
        schemes = [*self._of_permissions("security_scheme"), *getattr(self.view, "security_schemes", ())]
        auth = [*super().get_auth(), *({scheme: []} for scheme in schemes)]
        refused = set(chain.from_iterable(each(self.view) for each in self._of_permissions("refused_schemes")))
        auth = [each for each in auth if each and refused.isdisjoint(each)]
        is_public = self._is_public_read() or any(isinstance(each, AllowAny) for each in self.view.get_permissions())
        # Last: the documentation shows the first.
        return [*auth, {}] if is_public else auth

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
        for body in (operation.get("requestBody", {}), *replies.values()):
            _unwrap_examples(body)
        if self._is_conditional():
            replies["200"]["headers"] = ETAG
            replies["304"] = {"description": "Not modified since `If-None-Match`.", "headers": ETAG}
        if "requestBody" in operation:
            if self._needs_a_body():
                operation["requestBody"]["required"] = True
            for content in operation["requestBody"]["content"].values():
                content["schema"] |= length_limits(self.get_request_serializer())
        operation["responses"] = replies | self._errors(operation)
        return operation

    def _needs_a_body(self) -> bool:
        """Return whether a body that is left out is a mistake, even if no field is required in all its forms."""
        request = self.get_request_serializer()
        alternatives = getattr(request, "alternatives", ())
        is_needed = bool(alternatives) and all(each.required for each in alternatives)
        return self.method == "PATCH" or request is OpenApiTypes.OBJECT or is_needed

    def _errors(self, operation: dict[str, Any]) -> dict[str, Any]:
        own: dict[int, list[str]] = {status: [] for status in MEANINGS if self._is_usual(status, operation)}
        usual = {*own}
        declared = getattr(self.view, "errors", {}).get(getattr(self.view, "action", None), ())
        for error in chain.from_iterable(each.errors if isinstance(each, Hook) else [each] for each in declared):
            status = 400 if isinstance(error, str) else error.status_code
            codes = own.setdefault(status, [])
            if error in _GENERIC:
                usual.add(status)
            else:
                codes.append(error if isinstance(error, str) else error.default_code)
        return {str(status): error_response(status, own[status], usual=status in usual) for status in sorted(own)}

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
            case 404 | 429 | 503:
                return True
            case _:
                return False


def _unwrap_examples(body: dict[str, Any]) -> None:
    """Undo that drf-spectacular takes an example of a list for one of its rows."""
    for content in body.get("content", {}).values():
        for example in content.get("examples", {}).values():
            match example["value"]:
                case [list(rows)]:
                    example["value"] = rows


def add_trailing_slashes(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Document each route once."""
    return [(path if path.endswith("/") else f"{path}/", *rest) for path, *rest in endpoints]


REQUEST_ID = {
    "schema": {"type": "string"},
    "description": "The request's id: the value sent as `X-Request-ID`, if it is 8 to 64 letters, digits, "
    "`.`, `_` and `-`; else a new one.",
}


def add_input_rules(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add that text must not contain NUL, that query parameters may be empty, and missing descriptions."""
    for methods in result["paths"].values():
        for operation in methods.values():
            _refuse_nul_in_forms(operation, result["components"]["schemas"])
            for parameter in operation.get("parameters", ()):
                known = PATH_PARAMETERS if parameter["in"] == "path" else GLOSSARY
                if text := parameter.get("description") or known.get(parameter["name"]):
                    parameter["description"] = text
        for parameter in methods.get("get", {}).get("parameters", ()):
            if parameter["in"] == "query":
                parameter["allowEmptyValue"] = True
                schema = parameter["schema"].get("items", parameter["schema"])
                if schema.get("type") == "string" and "enum" not in schema:
                    schema.setdefault("pattern", "^[^\u0000]*$")
    return result


# A parameter is described once for this many operations.
_SHARED_FROM = 3


def share_parameters(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Move parameters that several operations have to ``components.parameters``."""
    operations = [operation for methods in result["paths"].values() for operation in methods.values()]
    found: dict[str, list[dict[str, Any]]] = {}
    for parameter in chain.from_iterable(each.get("parameters", ()) for each in operations):
        found.setdefault(f"{parameter['in']}_{parameter['name']}", []).append(parameter)
    shared: dict[str, dict[str, Any]] = {}
    for name, uses in sorted(found.items()):
        most_common = max(uses, key=uses.count)
        if uses.count(most_common) >= _SHARED_FROM:
            shared["".join(map(str.title, re.split("[_-]", name)))] = most_common
    for operation in operations:
        for index, parameter in enumerate(operation.get("parameters", ())):
            for name, described in shared.items():
                if parameter == described:
                    operation["parameters"][index] = {"$ref": f"#/components/parameters/{name}"}
    result["components"]["parameters"] = shared
    return result


def _refuse_nul_in_forms(operation: dict[str, Any], components: dict[str, Any]) -> None:
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema", {})
    component = components.get(form.get("$ref", "").rpartition("/")[2], form)
    for field in component.get("properties", {}).values():
        if "string" in field.get("type", ()) and not {"format", "contentMediaType", "enum"} & field.keys():
            field.setdefault("pattern", "^[^\u0000]*$")


def add_headers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add headers of all responses."""
    result["components"]["headers"] = {"RequestID": REQUEST_ID}
    for methods in result["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                of_all = {"X-Request-ID": {"$ref": "#/components/headers/RequestID"}}
                response["headers"] = response.get("headers", {}) | of_all
    return result
