"""Named hooks: how a lower room lets an upper one take part without importing it."""

from collections.abc import Callable
from typing import Any


class Hook:
    """A list of functions that upper apps register in ``AppConfig.ready()``; calling the hook calls them in order.

    The results come back as a list. Keyword arguments only; their names are part of the hook's documentation.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._functions: list[Callable[..., Any]] = []

    def register(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if function not in self._functions:
            self._functions.append(function)
        return function

    def __call__(self, **kwargs: Any) -> list[Any]:
        return [function(**kwargs) for function in self._functions]
