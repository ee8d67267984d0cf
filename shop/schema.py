"""The OpenAPI description: what drf-spectacular cannot see by itself."""

from typing import Any

from drf_standardized_errors.openapi import AutoSchema as StandardizedErrorsAutoSchema

Endpoint = tuple[str, str, str, Any]


class AutoSchema(StandardizedErrorsAutoSchema):
    """drf-standardized-errors' schema, tagged by the first word of the path."""

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_summary(self) -> str | None:
        """The first sentence of the action's docstring."""
        action = getattr(self.view, getattr(self.view, "action", None) or "", None)
        sentence, _, _ = " ".join((action.__doc__ or "").split()).partition(". ")
        return sentence.rstrip(".") or None


def paths_with_a_trailing_slash(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Document each route once, in its form with the slash; the one without works as well."""
    return [(path if path.endswith("/") else f"{path}/", *rest) for path, *rest in endpoints]


def server_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add to every operation the 503 that a database outage answers with."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["ServiceUnavailable"] = {
        "type": "object",
        "required": ["type", "errors"],
        "properties": {
            "type": {"type": "string", "enum": ["server_error"]},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["code", "detail", "attr"],
                    "properties": {
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                        "attr": {"type": ["string", "null"]},
                    },
                },
            },
        },
    }
    answer = {
        "description": "The database or Stripe is away, or a conflict outlasted its retries. Try again later.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ServiceUnavailable"}}},
    }
    for operations in result.get("paths", {}).values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"].setdefault("503", answer)
    return result
