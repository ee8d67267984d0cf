from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import FieldListFilter, ListFilter, ShowFacets
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.core.paginator import Paginator
from django.db import IntegrityError, models
from django.db.models import ProtectedError, QuerySet
from django.forms import Media, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from shop.admin.fields import MoneyFieldsMixin
from shop.admin.html import page_url
from shop.admin.lists import BoundedPaginator, ListIndex, QuickChangeList
from shop.admin.refusals import add_refusal, error_message
from shop.admin.state import state_of
from shop.admin.uploads import Uploads, UploadsWaiting
from shop.api.errors import ShopError
from shop.audit import staff_log
from shop.audit.staff_log import Action, StaffAction
from shop.db import transactions
from shop.db.transactions import transactional

# Rows that a bulk action changes in one request.
MOST_CHANGED = 200

BulkAction = Callable[..., Any]


class TransactionalModelAdmin(MoneyFieldsMixin, ModelAdmin):
    """Save and delete in one transaction, inlines included: Django's ``atomic`` does nothing on this backend.

    Write conflicts retry the body: only reads, decisions and writes belong inside, no messages or uploads.
    """

    # The default joins every displayed foreign key.
    list_select_related = ()
    # Related rows that a list shows, with the fields that it shows of them.
    list_prefetch_related: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # Fields that a list does not show and whose values are expensive to convert, such as embedded rows.
    list_defer: tuple[str, ...] = ()
    # Another count, without the filters, is slow.
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    paginator: ClassVar[type[Paginator]] = BoundedPaginator
    # True if MongoDB may read and sort the whole collection: all columns sort, with all filters and searches.
    is_small = False
    # Each column needs an index of its field and `-id`.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    # Filters that may be set while the list is sorted by this column. The default order's column allows all filters.
    sortable_with: ClassVar[Mapping[str, Collection[str]]] = {}
    list_index: ListIndex | None = None
    # A column that is sorted by the id, which is made at the same time and indexed.
    creation_field = "created_at"
    # Of bulk actions with another limit than `MOST_CHANGED`; None: any number of rows.
    most_changed: ClassVar[Mapping[str, int | None]] = {}
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return QuickChangeList

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        paginator.is_whole_list = state_of(request).is_whole_list
        return paginator

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        if self.is_small:
            return tuple(map(str, self.get_list_display(request)))
        # Rows that a search finds have the order of the index that finds them.
        return () if request.GET.get(SEARCH_VAR) else self.sortable_by

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow only the list's filters: `?client_secret__startswith=` would reveal hidden values."""
        if request is None:
            return False
        state = state_of(request)
        if state.allowed_lookups is None:
            filters = [self._filter(request, each) for each in self.get_list_filter(request)]
            state.allowed_lookups = {name for each in filters for name in each.expected_parameters()}
        return lookup in state.allowed_lookups

    def _filter(self, request: HttpRequest, declared: Any) -> ListFilter:
        """Build a filter as Django's ChangeList does."""
        if callable(declared):
            return declared(request, {}, self.model, self)
        path, make = declared if isinstance(declared, list | tuple) else (declared, FieldListFilter.create)
        field = get_fields_from_path(self.model, path)[-1]
        return make(field, request, {}, self.model, self, field_path=path)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> models.Model | None:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None and request.method == "POST":
            # The form also writes refused input to the object.
            obj.stored_title = str(obj)
        return obj

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if title := getattr(context.get("original"), "stored_title", ""):
            context["subtitle"] = title
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)

        view, state = super().changeform_view, state_of(request)

        def answer() -> HttpResponse:
            state.was_saved = False
            return view(request, object_id, form_url, dict(extra_context or {}))

        save = transactional(f"admin.{self.opts.label_lower}")(answer)
        uploads = Uploads(request)
        try:
            try:
                response = save()
            except UploadsWaiting:
                uploads.store()
                response = save()
        except (ShopError, IntegrityError, ProtectedError) as error:
            state.refusal = error
            response = answer()
        # After other errors the commit may have succeeded, so images are kept.
        if not state.was_saved:
            uploads.discard()
        return response

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = state_of(request).refusal
        return _refused(form, refusal) if refusal is not None and request.method == "POST" else form

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm, change: bool) -> None:
        Uploads(request).require_stored()
        self.write(request, obj, form, change)

    def write(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Override this to call a service."""
        self.save_instance(obj, form)

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: list, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        state_of(request).was_saved = True

    @staticmethod
    def save_instance(obj: models.Model, form: ModelForm) -> None:
        """Update only changed columns, to avoid conflicts with sales."""
        if obj._state.adding:
            obj.save(force_insert=True)
            return
        columns = {field.name for field in obj._meta.concrete_fields if not field.primary_key}
        if changed := [name for name in form.changed_data if name in columns]:
            obj.save(update_fields=changed)

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **kwargs: Any) -> None:
        """Show the message after the commit, because a retry would repeat it."""
        send = super().message_user
        transactions.on_commit(lambda: send(request, message, *args, **kwargs))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "POST":
            return super().delete_view(request, object_id, extra_context)
        view = super().delete_view
        delete = transactional(f"admin.delete.{self.opts.label_lower}")(lambda: view(request, object_id, extra_context))
        try:
            return delete()
        except (ShopError, ProtectedError) as error:
            self.message_user(request, error_message(error), messages.ERROR)
            return HttpResponseRedirect(self.change_url(unquote(object_id)))

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        response: Any = super().render_delete_form(request, context)
        # Filter scripts would lack their translations here.
        response.context_data["media"] = Media()
        return response

    @transactional("admin.delete_selected")
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.log_deletions(request, queryset)
        super().delete_queryset(request, queryset)

    def construct_change_message(  # type: ignore[override]
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[str]:
        names = list(form.changed_data)
        for formset in formsets or ():
            names += [f"{formset.prefix}.{name}" for each in formset.forms for name in each.changed_data]
        return names

    # Outside of a transaction, the service has logged the action.

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> None:  # type: ignore[override]
        if transactions.in_transaction():
            staff_log.record(Action.ADD, obj, fields=message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> None:  # type: ignore[override]
        if transactions.in_transaction() and message:
            staff_log.record(Action.CHANGE, obj, fields=message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        if transactions.in_transaction():
            staff_log.record(Action.DELETE, *queryset)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        paginator = self.get_paginator(request, StaffAction.objects.about(self.model, unquote(object_id)), 100)
        page = paginator.get_page(request.GET.get(PAGE_VAR, 1))
        page.object_list = staff_log.with_people(page)
        context = {
            "action_list": page,
            "page_range": paginator.get_elided_page_range(page.number),
            "pagination_required": paginator.count > paginator.per_page,
        }
        return super().history_view(request, object_id, {**context, **(extra_context or {})})

    def find(self, request: HttpRequest, object_id: str | None) -> Any:
        """Return the object of a quoted key (``evt_5F1`` is ``evt_1``), or None."""
        return self.get_object(request, unquote(object_id)) if object_id else None

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        limits = {**dict.fromkeys(actions, MOST_CHANGED), **self.most_changed}
        return {name: (_limited(action, limits[name]), name, text) for name, (action, _, text) in actions.items()}

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        actions = super().get_actions_detail(request, object_id)
        obj = self.find(request, object_id) if actions else None
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [each for each in actions if obj and not self.action_blocker(each.action_name.removeprefix(prefix), obj)]

    def action_blocker(self, button: str, obj: Any) -> str:
        """Return why a button is not allowed, or "". The service checks again."""
        return ""

    def change_url(self, pk: Any) -> str:
        return page_url(self.opts.label, pk)


class ReadOnlyModelAdmin(TransactionalModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class PlainDeleteConfirmationMixin(ModelAdmin):
    """Confirms without listing related rows."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list, dict, set, list]:
        missing = {str(self.opts.verbose_name)} if not self.has_delete_permission(request) else set()
        kept = [reason for reason in map(self.deletion_blocker, objs) if reason]
        return [str(obj) for obj in objs], {self.opts.verbose_name_plural: len(objs)}, missing, kept

    def deletion_blocker(self, obj: Any) -> str:
        """Return a reason, or "". Called in the transaction that deletes."""
        return ""


class SingleDeleteMixin(PlainDeleteConfirmationMixin):
    """Removes bulk deletion."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


def _limited(action: BulkAction, at_most: int | None) -> BulkAction:
    """Refuse more rows than one request can change: a user may select a whole collection."""

    @wraps(action)
    def run(model_admin: TransactionalModelAdmin, request: HttpRequest, queryset: QuerySet) -> Any:
        if at_most is not None and queryset[: at_most + 1].count() > at_most:
            text = f"Select at most {at_most:,} {model_admin.opts.verbose_name_plural}, or filter the list first."
            model_admin.message_user(request, text, messages.ERROR)
            return None
        return action(model_admin, request, queryset)

    return run


def _refused(form: type[ModelForm], error: Exception) -> type[ModelForm]:
    class RefusedForm(form):  # type: ignore[misc, valid-type]
        def full_clean(self) -> None:
            super().full_clean()
            add_refusal(self, error)

    return RefusedForm
