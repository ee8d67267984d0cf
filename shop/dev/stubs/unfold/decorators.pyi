from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from unfold.enums import ActionVariant

_Function = TypeVar("_Function", bound=Callable[..., Any])

def action(
    *,
    permissions: Iterable[str] | None = None,
    description: str | None = None,
    url_path: str | None = None,
    icon: str | None = None,
    variant: ActionVariant = ...,
) -> Callable[[Callable[..., Any]], Any]: ...
def display(
    *,
    description: str | None = None,
    ordering: str | None = None,
    boolean: bool | None = None,
    empty_value: str | None = None,
    header: bool | None = None,
) -> Callable[[_Function], _Function]: ...
