"""The command palette (Ctrl+K) finds pages of the menu, and rows by the searches of their lists."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest

from shop.admin.html import page_url

# Rows of each model.
MOST_SHOWN = 5
SHORTEST, LONGEST = 2, 100


class Result(NamedTuple):
    title: str
    description: str
    link: str
    icon: str


# Returns the title and the description of a row.
Describe = Callable[[Any], tuple[str, str]]

_models: list[tuple[int, str, str, Describe]] = []


def in_palette(place: int, label: str, *, icon: str) -> Callable[[Describe], Describe]:
    """Register a model ("orders.order") whose admin has a ``search``."""

    def register(describe: Describe) -> Describe:
        _models.append((place, label, icon, describe))
        return describe

    return register


def results(request: HttpRequest, text: str, menu: list[dict[str, Any]]) -> Iterator[Result]:
    text = text.replace("\0", "").strip()[:LONGEST]
    if len(text) < SHORTEST:
        return
    for group in menu:
        for item in group["items"]:
            if item["has_permission"] and text.lower() in str(item["title"]).lower():
                yield Result(str(item["title"]), str(group.get("title") or ""), str(item["link"]), item["icon"])
    for _, label, icon, describe in sorted(_models, key=lambda each: each[0]):
        model = apps.get_model(label)
        model_admin: Any = admin.site.get_model_admin(model)
        if not model_admin.has_view_permission(request):
            continue
        for row in model_admin.search(request, model_admin.get_queryset(request), text)[:MOST_SHOWN]:
            yield Result(*describe(row), page_url(label, row.pk), icon)
