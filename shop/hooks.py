"""Hooks: lower apps call upper apps without importing them."""

from collections.abc import Callable, Iterable
from typing import Any

from rest_framework.exceptions import APIException


class Hook:
    """Functions, registered in ``AppConfig.ready()`` and called in order."""

    def __init__(self) -> None:
        self._functions: list[Callable[..., Any]] = []
        self.errors: list[type[APIException]] = []

    def register(self, function: Callable[..., Any], *, errors: Iterable[type[APIException]] = ()) -> None:
        """Views that call the hook document ``errors``."""
        if function not in self._functions:
            self._functions.append(function)
            self.errors.extend(errors)

    @property
    def is_registered(self) -> bool:
        return bool(self._functions)

    def __call__(self, **kwargs: Any) -> list[Any]:
        return [function(**kwargs) for function in self._functions]
