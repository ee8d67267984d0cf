"""Samples of all mails, which the admin shows as previews."""

from collections.abc import Callable

from shop.jobs.mails import Mail

_samples: dict[str, Callable[[], Mail]] = {}


def register(template: str, sample: Callable[[], Mail]) -> None:
    _samples[template] = sample


def templates() -> list[str]:
    return sorted(_samples)


def sample_of(template: str) -> Mail | None:
    return _samples[template]() if template in _samples else None
