"""Operations of the OpenAPI description, as requests need them."""

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
_DEEPEST = 6


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    described: Schema
    description: Schema

    @property
    def text(self) -> str:
        return self.described["description"]

    @property
    def is_upload(self) -> bool:
        return "multipart/form-data" in self.described.get("requestBody", {}).get("content", {})

    @property
    def sample(self) -> Any:
        """Return a body made of the example, or else of the required fields."""
        content = self.described.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return None
        for example in content.get("examples", {}).values():
            return example["value"]
        return self._sample(content["schema"])

    def _sample(self, schema: Schema, depth: int = 0) -> Any:
        if "$ref" in schema:
            return self._sample(self.description["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth)
        for form in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
            return self._sample(form, depth)
        kind = schema.get("type", "string")
        match [kind] if isinstance(kind, str) else kind:
            case _ if known := (*schema.get("examples", ()), *schema.get("enum", ())):
                return known[0]
            case ["object", *_]:
                fields = schema.get("properties", {}) if depth < _DEEPEST else {}
                required = schema.get("required", ())
                return {name: self._sample(each, depth + 1) for name, each in fields.items() if name in required}
            case ["array", *_]:
                return [self._sample(schema["items"], depth + 1)] if depth < _DEEPEST else []
            case ["integer" | "number", *_]:
                return max(1, schema.get("minimum", 1))
            case ["boolean", *_]:
                return True
        return {"date-time": "2030-01-31T12:00:00Z", "date": "2030-01-31", "uri": "https://example.com/"}.get(
            schema.get("format", ""), "text"
        )


def operations_of(description: Schema) -> dict[str, Operation]:
    """Return the operations by id."""
    return {
        operation["operationId"]: Operation(method.upper(), path, operation, description)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
