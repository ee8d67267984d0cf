"""Builders run on every visit, so their queries need an index."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

_MANY = 1000


class Figure(NamedTuple):
    """``url`` lists the rows, ``urgent`` highlights the number."""

    place: int
    label: str
    value: str
    url: str
    hint: str = ""
    urgent: bool = False


class Panel(NamedTuple):
    """A box; ``template`` renders ``panel.data``."""

    place: int
    title: str
    template: str
    data: dict[str, Any]
    note: str = ""
    wide: bool = False


Builder = Callable[[], Iterator[Figure | Panel]]

_builders: list[tuple[tuple[str, ...], Builder]] = []


def on_dashboard(*models: str) -> Callable[[Builder], Builder]:
    """Register a builder, called for users who may view all ``models`` ("orders.order")."""

    def register(build: Builder) -> Builder:
        _builders.append((models, build))
        return build

    return register


def add_to_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Extend the index's context (unfold's DASHBOARD_CALLBACK)."""
    shown = [
        each for models, build in _builders if all(may_see(request, model) for model in models) for each in build()
    ]
    shown.sort(key=lambda each: each.place)
    return {
        **context,
        "figures": [each for each in shown if isinstance(each, Figure)],
        "panels": [each for each in shown if isinstance(each, Panel)],
    }


def may_see(request: HttpRequest, label: str) -> bool:
    return admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)


def number_of(queryset: QuerySet) -> tuple[int, str]:
    """Return the count and its text: ``1000+`` above that."""
    counted = queryset.order_by()[: _MANY + 1].count()
    return counted, f"{_MANY}+" if counted > _MANY else str(counted)
