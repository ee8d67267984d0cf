"""The rows of lists, in unfold's markup.

For each row, unfold makes all headers, resolves the address of the list and renders templates.
Here each page does so once.
"""

from collections.abc import Iterator, Sequence
from datetime import date, time
from functools import cache
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import checkbox
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES, UnfoldResultList
from unfold.utils import display_for_field, display_for_header, display_for_value

_CHECKBOX = "action_checkbox"
_NEVER_WRAPPED = (models.DateField, models.TimeField, models.ForeignKey)


def rows_of(change_list: Any, headers: Sequence[dict[str, Any]]) -> list[UnfoldResultList]:
    rows = list(change_list.result_list)
    links = change_list.list_display_links or ()
    first_link = next((name for name in change_list.list_display if name in links), None)
    columns = [
        _Column(
            change_list,
            name,
            label="Select record" if place == 0 and name not in links else header["text"],
            tag="th" if name == first_link else "td",
            is_link=name in links,
        )
        for place, (name, header) in enumerate(zip(change_list.list_display, headers, strict=True))
    ]
    query = _query_of_list(change_list, rows[0]) if rows else ""
    return [UnfoldResultList(row, None, _cells(change_list, columns, row, query)) for row in rows]


def _query_of_list(change_list: Any, row: models.Model) -> str:
    """Return the part of a row's link that preserves the list's filters."""
    context = {"preserved_filters": change_list.preserved_filters, "opts": change_list.opts}
    _, mark, query = add_preserved_filters(context, change_list.url_for_result(row)).partition("?")
    return mark + query


def _cells(change_list: Any, columns: Sequence["_Column"], row: models.Model, query: str) -> Iterator[SafeString]:
    url = change_list.url_for_result(row) + query
    return (column.cell(row, url) for column in columns)


class _Column:
    def __init__(self, change_list: Any, name: str, *, label: str, tag: str, is_link: bool) -> None:
        self._name, self._is_link, self._change_list = name, is_link, change_list
        self._admin = change_list.model_admin
        self._empty = self._admin.get_empty_value_display()
        classes = CHECKBOX_CLASSES if name == _CHECKBOX else [f"field-{name}", *ROW_CLASSES]
        self._opening, self._opening_never_wrapped = (
            format_html('<{} class="{}" data-label="{}">', tag, " ".join(each), label)
            for each in (classes, [*classes, "nowrap"])
        )
        self._closing = format_html("</{}>", tag)

    def cell(self, row: Any, url: str) -> SafeString:
        content, is_never_wrapped = self._content(row)
        if self._is_link:
            content = self._link(row, url, content)
        opening = self._opening_never_wrapped if is_never_wrapped else self._opening
        return format_html("{}{}{}", opening, content, self._closing)

    def _link(self, row: Any, url: str, content: Any) -> SafeString:
        opener = ""
        if self._change_list.is_popup:
            key = str(self._change_list.to_field or self._change_list.pk_attname)
            opener = format_html(' data-popup-opener="{}"', row.serializable_value(key))
        return format_html('<a href="{}" class="{}" {}>{}</a>', url, " ".join(LINK_CLASSES), opener, content)

    def _content(self, row: Any) -> tuple[Any, bool]:
        """Return what the cell shows and whether it stays on one line."""
        if self._name == _CHECKBOX:
            return format_html(_checkbox_frame(), str(row.pk)), False
        try:
            field, attribute, value = lookup_field(self._name, row, self._admin)
        except ObjectDoesNotExist:
            return self._empty, False
        if field is not None and not field.auto_created:
            return self._content_of_field(row, field, value), isinstance(field, _NEVER_WRAPPED)
        empty = getattr(attribute, "empty_value_display", self._empty)
        if getattr(attribute, "header", False):
            return _two_lines(value), False
        if getattr(attribute, "boolean", False):
            return _boolean_icon(value), False
        return display_for_value(value, empty), isinstance(value, date | time)

    def _content_of_field(self, row: Any, field: Any, value: Any) -> Any:
        if isinstance(field.remote_field, models.ManyToOneRel):
            related = getattr(row, field.name)
            return self._empty if related is None else related
        if isinstance(field, models.BooleanField):
            return _boolean_icon(value)
        return display_for_field(value, field, self._empty)


@cache
def _checkbox_frame() -> str:
    return checkbox.render(ACTION_CHECKBOX_NAME, "{}")


@cache
def _boolean_icon(value: bool | None) -> str:
    return display_for_value(value, "", boolean=True)


def _two_lines(value: Sequence[Any]) -> SafeString:
    """Show ``[title, text, initials, picture]``, of which the last two are optional."""
    if len(value) > 3:
        return display_for_header(value, "")
    return format_html(_two_lines_frame(tuple(map(bool, value))), *value)


@cache
def _two_lines_frame(filled: tuple[bool, ...]) -> str:
    return str(display_for_header([f"{{{place}}}" if each else "" for place, each in enumerate(filled)], ""))
