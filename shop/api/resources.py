"""Viewsets of the rows that staff edit, with the rights, rules, log and concurrency of the admin."""

import hashlib
from collections.abc import Callable, Collection
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import Model, ProtectedError, QuerySet
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from shop.api.errors import Conflict, ShopError
from shop.api.pagination import NewestFirstPagination
from shop.api.permissions import HasModelPermission
from shop.api.query import validated_query
from shop.api.renderers import JSONRenderer
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.mongodb import violated_fields
from shop.db.transactions import transactional

R = TypeVar("R")
V = TypeVar("V", bound="type[ResourceView]")

VERBS = {
    "list": "view",
    "retrieve": "view",
    "create": "add",
    "update": "change",
    "partial_update": "change",
    "destroy": "delete",
}


class EditConflict(Conflict):
    """``If-Match`` names another state."""

    default_code = "edit_conflict"
    default_detail = "This was changed after you read it. Read it again."


class InUse(Conflict):
    default_code = "in_use"
    default_detail = "Other objects reference this, so it cannot be deleted."


class ValueTaken(ShopError):
    default_code = "unique"
    default_detail = "Another one has this value."


IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of the state that was read: another state is not changed, but answered by 409.",
)
EDIT_TAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    description="Identifies the values that staff edit, for `If-Match`.",
    response=[200, 201],
)


class ResourceView(viewsets.GenericViewSet):
    """Rows of ``queryset``, for staff with Django's permission of its model."""

    permission_classes = [HasModelPermission]
    pagination_class: type[BasePagination] | None = NewestFirstPagination
    lookup_value_regex = "[0-9a-f]{24}"
    # Verbs of Django's permissions by action, beyond `VERBS`.
    verbs: ClassVar[dict[str, str]] = {}
    # Of a violated unique index; None if the model has none.
    taken_error: ClassVar[type[ShopError] | None] = None
    # Of bodies, beyond the codes of all operations.
    input_codes: ClassVar[tuple[str, ...]] = ()
    errors: ClassVar[dict[str, Any]] = {}
    operation_ids: ClassVar[dict[str, str]] = {}

    @property
    def model(self) -> type[Model]:
        return self.queryset.model  # type: ignore[union-attr, arg-type]

    def get_required_permission(self) -> tuple[str, ...] | None:
        # Not `self.action`: OPTIONS asks about other methods.
        action = self.action_map.get((self.request.method or "").lower())
        return None if action is None else permissions_of(self.model, {**VERBS, **self.verbs}[action])

    def get_unchanged(self) -> Any:
        """Return the row, to be changed in this transaction. Raises ``Http404``, :class:`EditConflict`."""
        row = self.get_object()
        wanted = self.request.headers.get("If-Match", "*").strip()
        if wanted != "*" and self.tag_of(self.get_serializer(row)) not in map(_strong, parse_etags(wanted)):
            raise EditConflict
        return row

    def in_transaction(self, change: Callable[[], R]) -> R:
        """Run ``change``, which may be repeated; turn errors of models and the database into those of the API."""
        try:
            return transactional(f"api.{self.model._meta.label_lower}")(change)()
        except DjangoValidationError as error:
            raise ValidationError(get_error_detail(error)) from error
        except ProtectedError as error:
            raise InUse from error
        except IntegrityError as error:
            if self.taken_error is None:
                raise
            columns = violated_fields(error)
            raise self.taken_error(attr=next(iter(columns)) if len(columns) == 1 else None) from error

    def reply(self, row: Any, **options: Any) -> Response:
        serializer = self.get_serializer(row)
        return Response(serializer.data, headers={"ETag": self.tag_of(serializer)}, **options)

    @staticmethod
    def tag_of(serializer: Any) -> str:
        data = serializer.data
        shown = {name: value for name, value in data.items() if not serializer.fields[name].read_only} or data
        return f'"{hashlib.blake2b(JSONRenderer().render(shown), digest_size=16).hexdigest()}"'


class ListAndRetrieve(ResourceView):
    # Query parameters of the list.
    filters: ClassVar[type[Serializer] | None] = None

    def filtered(self, rows: QuerySet, **filters: Any) -> Any:
        """Return what the paginator reads for the validated ``filters``."""
        return rows

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The newest come first."""
        filters = validated_query(self.filters, request.query_params) if self.filters else {}
        page = self.paginate_queryset(self.filtered(self.get_queryset(), **filters))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Needs the permission to view or to change it."""
        return self.reply(self.get_object())


class CreateAndUpdate(ResourceView):
    def save(self, row: Any, *, changed: list[str], data: dict[str, Any]) -> None:
        """Write a new row, or the changed fields; ``data`` is what the serializer returned."""
        if row._state.adding:
            row.save(force_insert=True)
        elif changed:
            row.save(update_fields=changed)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Needs the permission to add it."""
        row = self.in_transaction(lambda: self._edit(self.model(), partial=False))
        return self.reply(row, status=status.HTTP_201_CREATED)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Optional fields that are left out keep their values."""
        return self.reply(self.in_transaction(lambda: self._edit(self.get_unchanged(), partial=False)))

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Only the fields in the body change."""
        return self.reply(self.in_transaction(lambda: self._edit(self.get_unchanged(), partial=True)))

    def _edit(self, row: Any, *, partial: bool) -> Model:
        is_new = row._state.adding
        serializer = self.get_serializer(None if is_new else row, data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        changed = assign(row, data)
        self.save(row, changed=changed, data=data)
        if is_new or changed:
            staff_log.record(Action.ADD if is_new else Action.CHANGE, row, fields=data if is_new else changed)
        # As later reads show it.
        return self.get_queryset().get(pk=row.pk)


class Destroy(ResourceView):
    def remove(self, row: Any) -> None:
        row.delete()

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What is in use cannot be deleted."""
        self.in_transaction(self._remove)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _remove(self) -> None:
        row = self.get_unchanged()
        # Before the deletion, which takes the key.
        staff_log.record(Action.DELETE, row)
        self.remove(row)


class StaffResource(ListAndRetrieve, CreateAndUpdate, Destroy):
    """All operations. Subclasses override ``save`` and ``remove`` to call services."""


def permissions_of(model: type[Model], verb: str) -> tuple[str, ...]:
    """Return the permissions of which one is enough: those who may change may also view, as in the admin."""
    app, name = model._meta.app_label, model._meta.model_name
    return tuple(f"{app}.{each}_{name}" for each in ((verb, "change") if verb == "view" else (verb,)))


def assign(row: Model, data: dict[str, Any]) -> list[str]:
    """Set the model's fields in ``data`` and validate them; return those that differ from the stored row.

    Raises Django's ``ValidationError``.
    """
    fields = {field.name: field for field in row._meta.concrete_fields}
    stored = {name: getattr(row, field.attname) for name, field in fields.items()}
    given = fields.keys() & data.keys()
    for name in given:
        setattr(row, name, data[name])
    # Unique indexes are checked by the write.
    row.full_clean(exclude=fields.keys() - given, validate_unique=False, validate_constraints=False)
    return [name for name, field in fields.items() if getattr(row, field.attname) != stored[name]]


def operations(name: str, plural: str, *, but: Collection[str] = (), prefix: str = "") -> Callable[[V], V]:
    """Describe the operations of a resource, such as ``tax rate`` and ``tax rates``, except the actions ``but``.

    ``prefix`` distinguishes their ids from those of other operations.
    """
    article = "an" if name[0] in "aeiou" else "a"
    described: dict[str, tuple[str, str, str, list[Any]]] = {
        "list": ("list", plural, f"List {plural}", []),
        "retrieve": ("get", name, f"Return {article} {name}", [EDIT_TAG]),
        "create": ("create", name, f"Create {article} {name}", [EDIT_TAG]),
        "update": ("replace", name, f"Replace {article} {name}", [IF_MATCH, EDIT_TAG]),
        "partial_update": ("update", name, f"Change {article} {name}", [IF_MATCH, EDIT_TAG]),
        "destroy": ("delete", name, f"Delete {article} {name}", [IF_MATCH]),
    }

    def describe(view: V) -> V:
        own = getattr(view, "errors", {})
        taken = [*([view.taken_error] if view.taken_error else []), *view.input_codes]
        usual: dict[str, list[Any]] = {
            "list": [ValidationError],
            "create": taken,
            "update": [EditConflict, *taken],
            "partial_update": [EditConflict, *taken],
            "destroy": [EditConflict, InUse],
        }
        schemas, errors, ids = {}, {**own}, {**getattr(view, "operation_ids", {})}
        for action in (action for action in described if hasattr(view, action) and action not in but):
            verb, noun, summary, parameters = described[action]
            errors[action] = [*usual.get(action, ()), *own.get(action, ())]
            if action == "list" and (filters := getattr(view, "filters", None)):
                parameters = [filters]
            ids[action] = verb + prefix + "".join(word.capitalize() for word in noun.replace("-", " ").split())
            schemas[action] = extend_schema(operation_id=ids[action], summary=summary, parameters=parameters)
        view.errors, view.operation_ids = errors, ids
        return extend_schema_view(**schemas)(view)

    return describe


def _strong(tag: str) -> str:
    """Compressing proxies weaken ETags."""
    return tag.removeprefix("W/")
