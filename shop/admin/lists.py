"""Lists whose cost does not grow with their collection: each order, filter and search is one that an index serves."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, time
from math import ceil
from typing import Any, NamedTuple

from bson import ObjectId
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ORDER_VAR
from django.core.paginator import Paginator
from django.db import DatabaseError, models
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter
from unfold.utils import parse_date_str
from unfold.views import ChangeList

from shop.admin.state import state_of
from shop.api.errors import is_database_outage
from shop.db import documents
from shop.db.creation import created_between
from shop.db.mongodb import LAST_CHARACTER

# Rows that a filtered list counts, and that any list offers pages of.
MOST_COUNTED = 5000
# Maximum number of related rows, such as customers, whose orders a search shows. MongoDB sorts by an index for up to
# 200 values of its first fields.
MOST_FOUND = 100


def begins_with(field: str, text: str) -> Q:
    """Match a prefix by an index; case-sensitive."""
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + LAST_CHARACTER})


def in_order(queryset: QuerySet, field: str, text: str) -> QuerySet:
    """Match a prefix, in the order of the index that finds it."""
    return queryset.filter(begins_with(field, text)).order_by(field)


def keys_of(
    request: HttpRequest, model: type[models.Model], field: str, text: str, *, at_most: int = MOST_FOUND
) -> list[Any]:
    """Return the primary keys of the first rows with a prefix; if there are more, the page says so."""
    keys = in_order(model._default_manager.all(), field, text).values_list("pk", flat=True)
    return first_found(request, model, list(keys[: at_most + 1]), at_most=at_most)


def first_found(
    request: HttpRequest, model: type[models.Model], found: list[Any], *, at_most: int = MOST_FOUND
) -> list[Any]:
    """Return the first ``at_most`` of the rows found; if there is another, the page says so."""
    if len(found) > at_most:
        name = model._meta.verbose_name_plural
        state_of(request).search_note = f"Only the first {at_most} {name} were searched: enter more of the text."
    return found[:at_most]


def by_id(queryset: QuerySet, text: str) -> QuerySet | None:
    return queryset.filter(pk=ObjectId(text)) if ObjectId.is_valid(text) else None


class Count(int):
    """Shown as ``500,000``."""

    def __str__(self) -> str:
        return f"{int(self):,}"


class AtLeast(Count):
    """A count that ended early, shown as ``5,000+``."""

    def __str__(self) -> str:
        return f"{super().__str__()}+"


class BoundedPaginator(Paginator):
    """Count and page at most ``MOST_COUNTED`` rows; users reach others by a filter or the reverse order.

    The total of an unfiltered list comes from the collection's metadata.
    """

    object_list: QuerySet
    is_whole_list = False
    template_name = "admin/pages.html"

    @cached_property
    def count(self) -> int:
        if self.is_whole_list or not self.object_list.query.has_filters():
            return Count(documents.estimated_count(self.object_list.model))
        # In order, to read the keys of the index that pages use.
        counted = self.object_list[: MOST_COUNTED + 1].count()
        return AtLeast(MOST_COUNTED) if counted > MOST_COUNTED else Count(counted)

    @cached_property
    def num_pages(self) -> int:
        return min(super().num_pages, ceil(MOST_COUNTED / self.per_page))

    @property
    def end(self) -> str:
        """Return the number of rows on all pages if there are more, or ""."""
        is_cut = isinstance(self.count, AtLeast) or self.count > MOST_COUNTED
        return f"{MOST_COUNTED:,}" if is_cut else ""


class ListIndex(NamedTuple):
    """A compound index of ``fields`` + ``order``.

    If only some of the fields are filtered, the query lists all values of the others (``$in``): MongoDB then merges
    sorted ranges instead of sorting. At most one field may lack choices; it must be the first, so that ``distinct``
    reads its values from the index.
    """

    fields: tuple[str, ...]
    # Parameters of the list for which there are indexes that start with the same fields.
    serves: tuple[str, ...] = ()
    order: tuple[str, ...] = ("-pk",)

    def any_value(self, model: type[models.Model], *, but_of: Collection[str] = ()) -> dict[str, list[Any]]:
        return {f"{name}__in": _values_of(model, name) for name in self.fields if name not in but_of}


def _values_of(model: type[models.Model], name: str) -> list[Any]:
    field: Any = model._meta.get_field(name)
    if isinstance(field, models.BooleanField):
        return [True, False]
    return [value for value, _ in field.flatchoices] or documents.distinct(model, name)


class QuickChangeList(ChangeList):
    """Sorts by one column, if the admin lists it in ``sortable_by``, and by the key in the same direction."""

    model_admin: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Instead of "Select product to change".
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet:
        if ORDER_VAR in self.params:
            self.params[ORDER_VAR] = self.params[ORDER_VAR].partition(".")[0]
        queryset = self._by_index(super().get_queryset(request, exclude_parameters))
        is_filtered = self.query or self.used_filters or self.root_queryset.query.has_filters()
        state_of(request).is_whole_list = not is_filtered
        return queryset

    def _by_index(self, queryset: QuerySet) -> QuerySet:
        index: ListIndex | None = self.model_admin.list_index
        if index is None:
            return queryset
        chosen = self._chosen_order
        parameters = {ORDER_VAR} if chosen and chosen[0].lstrip("-") != "pk" else self.used_filters
        if parameters.isdisjoint({*index.fields, *index.serves}):
            return queryset
        queryset = queryset.filter(**index.any_value(self.model, but_of=self.used_filters))
        return queryset if chosen or self.query else queryset.order_by(*index.order)

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        filters: list[Any] = [spec for spec in found[0] if spec.used_parameters]
        self.used_filters = {getattr(spec, "field_path", None) or spec.parameter_name for spec in filters}
        self.sortable_by = [name for name in self.sortable_by or () if self._is_sortable(name)]
        return found

    def _is_sortable(self, column: Any) -> bool:
        if self.model_admin.is_small:
            return True
        default = (*(self.model_admin.ordering or ()), "pk")[0].lstrip("-")
        is_default = self.get_ordering_field(column) in ("pk", default)
        return is_default or self.used_filters <= {*self.model_admin.sortable_with.get(column, ())}

    def get_ordering_field(self, field_name: Any) -> Any:
        if field_name not in (self.sortable_by or ()):
            return None
        found = super().get_ordering_field(field_name)
        return "pk" if found == self.model_admin.creation_field else found

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        return self._chosen_order or super().get_ordering(request, queryset)

    @cached_property
    def _chosen_order(self) -> list[str]:
        _, sign, number = self.params.get(ORDER_VAR, "").rpartition("-")
        columns = {str(place): name for place, name in enumerate(self.list_display)}
        field = number in columns and self.get_ordering_field(columns[number])
        if not field:
            return []
        is_unique = field == "pk" or self.model._meta.get_field(field).unique  # type: ignore[union-attr]
        return [sign + field] if is_unique else [sign + field, f"{sign}pk"]

    def url_for_result(self, result: models.Model) -> str:
        return str(self.model_admin.change_url(result.pk))

    def get_results(self, request: HttpRequest) -> None:
        self.search_note = state_of(request).search_note
        try:
            super().get_results(request)
        except (OverflowError, DatabaseError) as error:
            if is_database_outage(error) or not request.GET:
                raise
            # The filter's value may be invalid.
            raise IncorrectLookupParameters(error) from error
        shown: Any = self.result_list
        # Only for the page: actions need whole rows. Some paginators have read them already, to sort them.
        if isinstance(shown, QuerySet):
            shown = shown.defer(*self.model_admin.list_defer).prefetch_related(*self._prefetches())
        # The number of rows of a whole collection is an estimate.
        self.result_list = shown[: max(self.list_per_page, self.list_max_show_all)]
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count

    def _prefetches(self) -> Iterator[Prefetch]:
        for name, fields in self.model_admin.list_prefetch_related.items():
            related: Any = get_fields_from_path(self.model, name)[-1].related_model
            yield Prefetch(name, related._base_manager.only(*fields))


class IndexedSearchMixin(ModelAdmin):
    """Searches by index instead of a regular expression. Results have the order of that index."""

    # Django requires it for a search box.
    search_fields = ("pk",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\0", "").strip()[:200]
        return (self.search(request, queryset, text) if text else queryset), False

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """Return the matches in an order that an index provides: the list's own, or another set with ``order_by``."""
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
        return self.between(
            queryset, _moment(first, time.min) if first else None, _moment(last, time.max) if last else None
        )

    def between(self, queryset: QuerySet, first: datetime | None, last: datetime | None) -> QuerySet:
        limits = {"gte": first, "lte": last}
        return queryset.filter(**{f"{self.field_path}__{name}": at for name, at in limits.items() if at})

    def _day(self, end: str) -> date | None:
        value = self.used_parameters.get(f"{self.parameter_name}_{end}")
        return parse_date_str(value) if isinstance(value, str) and value else None


class CreationDaysFilter(DaysFilter):
    """Days of creation, found by the ids, so that any index by id serves them."""

    def between(self, queryset: QuerySet, first: datetime | None, last: datetime | None) -> QuerySet:
        return super().between(queryset, first, last).filter(created_between(first, last))


def _moment(day: date, at: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, at))
