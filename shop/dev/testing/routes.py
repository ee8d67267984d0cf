from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple

from drf_spectacular.generators import SchemaGenerator

# Well-formed path parameters that match nothing.
NOBODY = {
    "{id}": "0" * 24,
    "{document}": "0" * 24,
    "{product_pk}": "0" * 24,
    "{endpoint_pk}": "0" * 24,
    "{number}": "AAAAA-AAAAA",
    "{slug}": "nothing",
}


class Operation(NamedTuple):
    method: str
    path: str
    description: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v1')}"

    @property
    def address(self) -> str:
        address = self.path
        for parameter, value in NOBODY.items():
            address = address.replace(parameter, value)
        return address

    @property
    def statuses(self) -> set[int]:
        """Statuses that are described one by one."""
        return {int(status) for status in self.description["responses"] if status != "default"}

    @property
    def is_public(self) -> bool:
        return {} in self.description.get("security", [{}])


@cache
def published() -> dict[str, Any]:
    """Return the OpenAPI description as clients get it."""
    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def schema() -> dict[str, Any]:
    """Return the OpenAPI description, with shared responses and parameters in each operation."""
    described = deepcopy(published())
    for methods in described["paths"].values():
        for operation in methods.values():
            responses = operation["responses"]
            operation["responses"] = {status: resolve(each, described) for status, each in responses.items()}
            if "parameters" in operation:
                operation["parameters"] = [resolve(each, described) for each in operation["parameters"]]
    return described


def resolve(described: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Follow references."""
    while "$ref" in described:
        found: Any = whole
        for step in described["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        described = found
    return described


def alternatives(described: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the forms of a body, each without references."""
    described = resolve(described, schema())
    named = [each for each in described.get("oneOf", ()) if "$ref" in each]
    return [resolve(each, schema()) for each in named] or [described]


def operations() -> list[Operation]:
    return [
        Operation(method.upper(), path, description)
        for path, methods in schema()["paths"].items()
        for method, description in methods.items()
    ]
