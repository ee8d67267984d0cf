from functools import cache
from typing import Any, NamedTuple

from drf_spectacular.generators import SchemaGenerator

# Well-formed path parameters that match nothing.
NOBODY = {
    "{id}": "0" * 24,
    "{document}": "0" * 24,
    "{product_pk}": "0" * 24,
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
        return {int(status) for status in self.description["responses"]}

    @property
    def is_public(self) -> bool:
        return {} in self.description.get("security", [{}])


@cache
def schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations() -> list[Operation]:
    return [
        Operation(method.upper(), path, description)
        for path, methods in schema()["paths"].items()
        for method, description in methods.items()
    ]
