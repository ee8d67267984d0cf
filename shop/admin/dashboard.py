"""Admin dashboard: figures and panels registered by each app.

Builders run on every visit, so their queries must be answered by an index in milliseconds.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

# Figures count up to this number.
_MANY = 1000


class Figure(NamedTuple):
    """A number that requires action: ``url`` lists the rows, ``hint`` is a subtitle, ``urgent`` highlights it."""

    place: int
    label: str
    value: str
    url: str
    hint: str = ""
    urgent: bool = False


class Panel(NamedTuple):
    """A titled box; ``template`` renders ``data`` as ``panel.data``."""

    place: int
    title: str
    template: str
    data: dict[str, Any]
    note: str = ""
    wide: bool = False


Builder = Callable[[], Iterator[Figure | Panel]]

_builders: list[tuple[tuple[str, ...], Builder]] = []


def on_dashboard(*models: str) -> Callable[[Builder], Builder]:
    """Register a function that yields figures and panels, ordered by ``place``.

    It is called for users who may view all of ``models`` ("orders.order").
    """

    def register(build: Builder) -> Builder:
        _builders.append((models, build))
        return build

    return register


def add_to_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add figures and panels to the context of the admin's index (unfold's DASHBOARD_CALLBACK)."""
    shown = [
        each for models, build in _builders if all(_may_see(request, model) for model in models) for each in build()
    ]
    shown.sort(key=lambda each: each.place)
    return {
        **context,
        "figures": [each for each in shown if isinstance(each, Figure)],
        "panels": [each for each in shown if isinstance(each, Panel)],
    }


def _may_see(request: HttpRequest, label: str) -> bool:
    return admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)


def number_of(queryset: QuerySet) -> tuple[int, str]:
    """Return the number of rows as int and as text, ``1000+`` above that limit."""
    # Sorting is not needed for counting.
    counted = queryset.order_by()[: _MANY + 1].count()
    return counted, f"{_MANY}+" if counted > _MANY else str(counted)
