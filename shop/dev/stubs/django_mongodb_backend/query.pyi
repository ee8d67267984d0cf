from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

class MongoQuery:
    extra_fields: dict[str, Any] | None
    ordering: Any
    def get_pipeline(self) -> list[dict[str, Any]]: ...

def wrap_database_errors(func: Callable[_P, _R]) -> Callable[_P, _R]: ...
