"""Hooks: lower apps call upper apps without importing them."""

from collections.abc import Callable
from typing import Any


class Hook:
    """Functions, registered in ``AppConfig.ready()`` and called in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._functions: list[Callable[..., Any]] = []

    def register(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if function not in self._functions:
            self._functions.append(function)
        return function

    def __call__(self, **kwargs: Any) -> list[Any]:
        return [function(**kwargs) for function in self._functions]
