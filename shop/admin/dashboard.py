"""Builders run on every visit, so their queries need an index."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from shop.admin.periods import Period, chosen_period

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
PeriodBuilder = Callable[[Period], Iterator[Panel]]

_builders: list[tuple[tuple[str, ...], Builder]] = []
_period_builders: list[tuple[tuple[str, ...], PeriodBuilder]] = []


def on_dashboard(*models: str) -> Callable[[Builder], Builder]:
    """Register a builder, called for users who may view all ``models`` ("orders.order")."""

    def register(build: Builder) -> Builder:
        _builders.append((models, build))
        return build

    return register


def on_dashboard_by_period(*models: str) -> Callable[[PeriodBuilder], PeriodBuilder]:
    """Register a builder of panels about the period that the user chooses."""

    def register(build: PeriodBuilder) -> PeriodBuilder:
        _period_builders.append((models, build))
        return build

    return register


def add_to_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Extend the index's context (unfold's DASHBOARD_CALLBACK)."""
    chosen = chosen_period(request.GET)
    shown = [each for models, build in _builders if _may_see_all(request, models) for each in build()]
    of_period = [
        each for models, build in _period_builders if _may_see_all(request, models) for each in build(chosen.period)
    ]
    panels = [*of_period, *(each for each in shown if isinstance(each, Panel))]
    return {
        **context,
        "figures": sorted((each for each in shown if isinstance(each, Figure)), key=lambda each: each.place),
        "panels": sorted(panels, key=lambda each: each.place),
        "chosen": chosen if of_period else None,
    }


def _may_see_all(request: HttpRequest, models: Iterable[str]) -> bool:
    return all(may_see(request, model) for model in models)


def may_see(request: HttpRequest, label: str) -> bool:
    return admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)


def number_of(queryset: QuerySet) -> tuple[int, str]:
    """Return the count and its text: ``1000+`` above that."""
    counted = queryset.order_by()[: _MANY + 1].count()
    return counted, f"{_MANY}+" if counted > _MANY else str(counted)
