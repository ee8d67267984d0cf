"""Dialogs that a page shows as forms instead of buttons."""

from typing import Any

from bson import ObjectId
from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest


class FormsInPagesMixin(admin.ModelAdmin):
    """``forms_in_page`` of all mixins, in ``actions_detail``, have their URLs but no buttons."""

    forms_in_page: tuple[str, ...] = ()

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        inside = {name for base in type(self).__mro__ for name in vars(base).get("forms_in_page", ())}
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        shown: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [each for each in shown if each.action_name.removeprefix(prefix) not in inside]


class KeyField(forms.CharField):
    """An ObjectId, which a template fills in."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> ObjectId:
        text = super().clean(value)
        if not ObjectId.is_valid(text):
            raise ValidationError("This is not an id.", code="invalid")
        return ObjectId(text)
