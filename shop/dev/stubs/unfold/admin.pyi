from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.forms import CheckboxInput
from django.http import HttpRequest

checkbox: CheckboxInput

_Child = TypeVar("_Child", bound=Model)
_Parent = TypeVar("_Parent", bound=Model)

class ModelAdmin(admin.ModelAdmin[_Child]):
    actions_list: Sequence[Any]
    actions_row: Sequence[Any]
    actions_detail: Sequence[Any]
    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]: ...

class TabularInline(admin.TabularInline[_Child, _Parent]):
    hide_title: bool
