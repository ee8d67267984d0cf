from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any

from bson import ObjectId
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import DatabaseError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter
from unfold.utils import parse_date_str
from unfold.views import ChangeList

from shop.api.errors import is_database_outage

# Sorts after every text with the same prefix.
_LAST = "\uffff"


def begins_with(field: str, text: str) -> Q:
    """Match a prefix by an index; case-sensitive."""
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + _LAST})


def by_id(queryset: QuerySet, text: str) -> QuerySet | None:
    return queryset.filter(pk=ObjectId(text)) if ObjectId.is_valid(text) else None


class QuickChangeList(ChangeList):
    """Avoids a second count."""

    model_admin: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Instead of "Select product to change".
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet:
        queryset = super().get_queryset(request, exclude_parameters)
        return queryset.prefetch_related(*self.model_admin.list_prefetch_related)

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (OverflowError, DatabaseError) as error:
            if is_database_outage(error) or not request.GET:
                raise
            # The filter's value may be invalid.
            raise IncorrectLookupParameters(error) from error
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class IndexedSearchMixin(ModelAdmin):
    """Searches by index instead of a regular expression."""

    # Django requires it for a search box.
    search_fields = ("pk",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\0", "").strip()[:200]
        return (self.search(queryset, text) if text else queryset), False

    def search(self, queryset: QuerySet, text: str) -> QuerySet:
        raise NotImplementedError


class OptionsFilter(DropdownFilter):
    """``options`` maps each value of the parameter to its label and condition."""

    options: Mapping[str, tuple[str, Callable[[Any], QuerySet]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.options.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = self.options.get(self.value() or "")
        return chosen[1](queryset) if chosen else queryset


class DaysFilter(RangeDateFilter):
    """Days in the shop's time zone, both included."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first, last = (self._day(end) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _moment(first, time.min)})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lte": _moment(last, time.max)})
        return queryset

    def _day(self, end: str) -> Any:
        value = self.used_parameters.get(f"{self.parameter_name}_{end}")
        return parse_date_str(value) if isinstance(value, str) and value else None


def _moment(day: Any, at: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, at))
