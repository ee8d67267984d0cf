"""The admin's first page: figures on top, panels below, each from the room that knows it.

A room's admin registers functions; the page calls those of which the person may see all the models. Each asks what an
index answers in milliseconds: the page is opened many times a day.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

# No figure counts further.
_MANY = 1000


class Figure(NamedTuple):
    """A number to act on: ``url`` lists what was counted, ``hint`` is a line below, ``urgent`` marks it."""

    place: int
    label: str
    value: str
    url: str
    hint: str = ""
    urgent: bool = False


class Panel(NamedTuple):
    """A box with a title; ``template`` shows ``data`` as ``panel.data``."""

    place: int
    title: str
    template: str
    data: dict[str, Any]
    note: str = ""
    wide: bool = False


Builder = Callable[[], Iterator[Figure | Panel]]

_builders: list[tuple[tuple[str, ...], Builder]] = []


def on_dashboard(*models: str) -> Callable[[Builder], Builder]:
    """Register a function that yields figures and panels; those with a lower ``place`` stand further up.

    It is called for people who may see all of ``models`` ("orders.order").
    """

    def register(build: Builder) -> Builder:
        _builders.append((models, build))
        return build

    return register


def add_to_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures and panels to the context of the admin's index (unfold's DASHBOARD_CALLBACK)."""
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
    """Count the rows, as a number and as it is shown; ``1000+`` where there are more, which nobody waits for."""
    # The order would only decide which rows are not counted.
    counted = queryset.order_by()[: _MANY + 1].count()
    return counted, f"{_MANY}+" if counted > _MANY else str(counted)
